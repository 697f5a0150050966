import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { joinExtents, parseWriteEvents } from './write-watch.ts';

test('writes, discards and zeros are events; what programs call themselves is not', () => {
  const lines = [
    'block_bio_queue: 254,0 WS 2048 + 8 [jbd2/vda-8]',
    'block_bio_queue: 8,1 D 0 + 65536 [fstrim]',
    'block_bio_queue: 259,3 N 16 + 1 [x: 1,1 W 1 + 1]',
    'CPU:1 [LOST 12 EVENTS]',
    'block_bio_complete: 254,0 WS 2048 + 8 [0]',
    '',
  ];
  assert.deepEqual(
    [...parseWriteEvents(lines)],
    [
      { wholeDisk: '254,0', sector: 2048, sectors: 8 },
      { wholeDisk: '8,1', sector: 0, sectors: 65_536 },
      { wholeDisk: '259,3', sector: 16, sectors: 1 },
    ],
  );
});

test('any text is either an event or left out', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (lines) => {
      for (const { sector, sectors } of parseWriteEvents(lines)) assert.ok(sector >= 0 && sectors >= 0);
    }),
  );
});

test('pieces that touch are one, whatever their order', () => {
  const piece = fc.record({ start: fc.nat(60), sizeBytes: fc.integer({ min: 1, max: 20 }) });
  const bytesOf = (pieces: readonly { start: number; sizeBytes: number }[]): number[] =>
    pieces.flatMap(({ start, sizeBytes }) => Array.from({ length: sizeBytes }, (_, at) => start + at));
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const joined = joinExtents(pieces);
      assert.deepEqual(
        bytesOf(joined),
        [...new Set(bytesOf(pieces))].toSorted((a, b) => a - b),
      );
      for (const [index, { start }] of joined.entries())
        assert.ok(index === 0 || start > joined[index - 1]!.start + joined[index - 1]!.sizeBytes);
    }),
  );
});
