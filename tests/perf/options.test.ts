import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TorporError } from '../../src/base/errors.ts';
import { parseBankBenchOptions, parseOptions, parseStockBenchOptions } from './options.ts';

test('60 round trips with 2 and with 7 residents by default', () => {
  assert.deepEqual(parseOptions(['switch', '--json']), {
    roundTrips: 60,
    resident: [2, 7],
    compare: true,
    json: true,
  });
});

test('a quick bench is short, and can be told otherwise', () => {
  assert.deepEqual(parseOptions(['switch', '--quick', '--resident', '2,7,2']), {
    roundTrips: 5,
    resident: [2, 7, 2],
    compare: false,
    json: false,
  });
});

test('the bench of the bank is whole unless it is told to be quick', () => {
  assert.deepEqual(parseBankBenchOptions(['bank', '--json']), { quick: false, json: true });
  assert.throws(() => parseBankBenchOptions(['bank', 'switch']), { code: 'E_USAGE' });
});

test('the bench of stock systems compares unless it is told to be quick', () => {
  assert.deepEqual(parseStockBenchOptions(['stock', '--json', '--round-trips', '4']), {
    snapshots: 3,
    roundTrips: 4,
    hibernations: 3,
    json: true,
  });
  assert.deepEqual(parseStockBenchOptions(['stock', '--quick']), {
    snapshots: 2,
    roundTrips: 1,
    hibernations: 0,
    json: false,
  });
  for (const argv of [
    ['stock', 'bank'],
    ['stock', '--snapshots', '0'],
    ['stock', '--hibernations', 'x'],
  ]) {
    assert.throws(() => parseStockBenchOptions(argv), { code: 'E_USAGE' });
  }
});

for (const argv of [
  [],
  ['boot'],
  ['switch', '--resident', '1'],
  ['switch', '--resident', '2,'],
  ['switch', '--resident', '9'],
  ['switch', '--round-trips', '0'],
]) {
  test(`“${argv.join(' ')}” is refused`, () => {
    assert.throws(
      () => parseOptions(argv),
      (error) => error instanceof TorporError && error.code === 'E_USAGE',
    );
  });
}
