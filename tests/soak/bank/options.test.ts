import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TorporError } from '../../../src/base/errors.ts';
import { parseBankOptions, renderBankReplay } from './options.ts';

test('200 restores and 100 power cuts by default', () => {
  assert.equal(parseBankOptions(['restore']).count, 200);
  const options = parseBankOptions(['bank-cuts', '--seed', '7', '--json']);
  assert.deepEqual([options.kind, options.count, options.seed, options.json], ['bank-cuts', 100, 7, true]);
  assert.equal(renderBankReplay(options, 12), 'npm run soak -- bank-cuts --seed 7 --count 12');
});

for (const argv of [
  [],
  ['switch'],
  ['restore', 'bank-cuts'],
  ['restore', '--count', '0'],
  ['restore', '--counts', '1'],
]) {
  test(`“${argv.join(' ')}” is refused`, () => {
    assert.throws(
      () => parseBankOptions(argv),
      (error) => error instanceof TorporError && error.code === 'E_USAGE',
    );
  });
}
