import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TorporError } from '../../src/base/errors.ts';
import { parseOptions } from './options.ts';

test('ten minutes and a random seed by default', () => {
  const options = parseOptions(['switch']);
  assert.equal(options.minutes, 10);
  assert.equal(options.switches, Number.POSITIVE_INFINITY);
  assert.ok(Number.isInteger(options.seed));
});

test('a number of switches alone takes as long as it takes', () => {
  const options = parseOptions(['switch', '--switches', '2000', '--seed', '5']);
  assert.deepEqual([options.minutes, options.switches, options.seed], [Number.POSITIVE_INFINITY, 2000, 5]);
});

for (const argv of [[], ['restore'], ['switch', '--minutes', 'ten'], ['switch', '--minuets', '1']]) {
  test(`“${argv.join(' ')}” is refused`, () => {
    assert.throws(
      () => parseOptions(argv),
      (error) => error instanceof TorporError && error.code === 'E_USAGE',
    );
  });
}
