import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { forgetFiles, parseFileMappings } from './own-files.ts';

const mapping = (head: string, anonymousKb: number, swapKb = 0): string =>
  `${head}\nSize:  8 kB\nAnonymous:         ${anonymousKb} kB\nSwap:         ${swapKb} kB\nVmFlags: rd mr mw me\n`;
const SMAPS = [
  mapping('00400000-00402000 r-xp 00000000 fe:20 343      /opt/a program', 0),
  mapping('00402000-00403000 r--p 00002000 fe:20 343      /opt/a program', 8),
  mapping('00403000-00404000 r--p 00002000 fe:20 343      /opt/a program', 0, 4),
  mapping('00404000-00406000 rw-p 00004000 fe:20 343      /opt/a program', 0),
  mapping('00406000-00408000 rw-p 00000000 00:00 0        [heap]', 8),
  mapping('7f0000000000-7f0000002000 r--p 00000000 00:00 0 ', 0),
  mapping('7ffff7fc0000-7ffff7fc2000 r-xp 00000000 00:00 0 [vdso]', 0),
].join('');

test('a mapping is pure when it is of a file, cannot be written, and no page of it is its own', () => {
  assert.deepEqual(
    parseFileMappings(SMAPS).map(({ start, sizeBytes, isPure }) => [start, sizeBytes, isPure]),
    [
      [0x400000n, 0x2000n, true],
      [0x402000n, 0x1000n, false],
      [0x403000n, 0x1000n, false],
      [0x404000n, 0x2000n, false],
    ],
  );
});

test('maps name the same mappings and call none pure', () => {
  const maps = SMAPS.split('\n')
    .filter((line) => /^[0-9a-f]+-/.test(line))
    .join('\n');
  const whereOf = (text: string): unknown[] =>
    parseFileMappings(text).map(({ start, sizeBytes }) => [start, sizeBytes]);
  assert.deepEqual(whereOf(maps), whereOf(SMAPS));
  assert.ok(parseFileMappings(maps).every(({ isPure }) => !isPure));
});

test('this program goes on without what it has read of its files, and has less of them', () => {
  const residentKb = (): number =>
    Number(/^RssFile:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
  const before = residentKb();
  forgetFiles();
  assert.ok(residentKb() < before);
});
