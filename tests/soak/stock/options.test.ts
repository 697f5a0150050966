import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../../src/base/errors.fixture.ts';
import { parseStockOptions, renderStockReplay } from './options.ts';

test('100 rounds by default, and a failure can be had again', () => {
  assert.equal(parseStockOptions(['stock']).count, 100);
  const options = parseStockOptions(['stock', '--seed', '7', '--count', '20', '--json', '--keep']);
  assert.deepEqual(options, { count: 20, minutes: Infinity, seed: 7, keep: true, json: true });
  assert.equal(renderStockReplay(options, 3), 'npm run soak -- stock --seed 7 --count 3');
});

test('it may take a limited time', () => {
  assert.equal(parseStockOptions(['stock', '--minutes', '90']).minutes, 90);
});

for (const argv of [[], ['switch'], ['stock', '--count', '0'], ['stock', '--minutes', '0']]) {
  test(`“${argv.join(' ')}” is refused`, () => void failure('E_USAGE', () => parseStockOptions(argv)));
}
