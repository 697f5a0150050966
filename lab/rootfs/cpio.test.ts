import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CpioEntry, encodeCpio, S_IFDIR, S_IFLNK, S_IFREG } from './cpio.ts';

test('the header is the documented one', () => {
  const archive = encodeCpio([{ path: 'init', mode: S_IFREG | 0o755, data: Buffer.from('hello') }]).toString(
    'latin1',
  );
  assert.equal(archive.slice(0, 14), '07070100000001');
  assert.equal(archive.slice(14, 22), (0o100755).toString(16).padStart(8, '0'));
  assert.equal(archive.slice(54, 62), '00000005');
  assert.equal(archive.slice(94, 102), '00000005');
  assert.equal(archive.slice(110, 128), 'init\0\0hello\x00\x00\x000707');
});

test('every part begins at a multiple of 4 and the trailer is last', () => {
  const names = fc.stringMatching(/^[a-z]{1,30}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(names, fc.uint8Array({ maxLength: 50 })), { maxLength: 10 }), (files) => {
      const entries = files.map(([path, data]): CpioEntry => ({ path, mode: S_IFREG | 0o644, data }));
      const archive = encodeCpio(entries);
      assert.equal(archive.byteLength % 4, 0);
      assert.deepEqual(decode(archive), [
        ...files.map(([path, data]) => [path, [...data]]),
        ['TRAILER!!!', []],
      ]);
    }),
  );
});

test('cpio(1) lists what was packed', { skip: spawnSync('cpio', ['--version']).status !== 0 }, () => {
  const archive = encodeCpio([
    { path: 'bin', mode: S_IFDIR | 0o755 },
    { path: 'bin/sh', mode: S_IFLNK | 0o777, data: Buffer.from('busybox') },
  ]);
  const listing = execFileSync('cpio', ['-tv', '--quiet'], {
    input: archive,
    encoding: 'utf8',
    env: { LC_ALL: 'C' },
  });
  assert.match(listing, /^drwxr-xr-x .* bin\n/);
  assert.match(listing, /\nlrwxrwxrwx .* bin\/sh -> busybox\n/);
});

function decode(archive: Buffer): [string, number[]][] {
  const entries: [string, number[]][] = [];
  for (let at = 0; at < archive.byteLength; ) {
    const field = (index: number): number =>
      Number.parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    const nameEnd = at + 110 + field(11);
    const dataStart = (nameEnd + 3) & ~3;
    entries.push([
      archive.toString('utf8', at + 110, nameEnd - 1),
      [...archive.subarray(dataStart, dataStart + field(6))],
    ]);
    at = (dataStart + field(6) + 3) & ~3;
  }
  return entries;
}
