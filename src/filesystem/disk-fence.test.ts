import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { chooseFence, compareFences, FENCE_KINDS, readDiskFence } from './disk-fence.ts';
import { diskOf, HAS_E2FSPROGS, makeExt4 } from './ext4/image.fixture.ts';

const skip = HAS_E2FSPROGS ? false : 'e2fsprogs are not installed';

test('each filesystem is watched where every mount leaves a trace', { skip }, () => {
  const ext4 = diskOf(makeExt4(16 * 1024));
  const other = diskOf(new Uint8Array(1 << 20));
  assert.equal(chooseFence(ext4, 'ext4'), 'ext4');
  // An ext4 with features that are not understood is as any other.
  assert.equal(chooseFence(other, 'ext4'), 'whole');
  assert.equal(chooseFence(other, 'btrfs'), 'btrfs');
  assert.equal(chooseFence(other, 'squashfs'), 'head');
  assert.equal(chooseFence({ ...other, sizeBytes: 2 ** 40 }, 'xfs'), null);
});

test('a mount and a transaction of ext4 change its fence, and are named', { skip }, () => {
  const image = makeExt4(32 * 1024, ['-b', '4096']);
  const then = readDiskFence(diskOf(image), 'ext4');
  assert.equal(compareFences(then, readDiskFence(diskOf(image.slice()), 'ext4')), null);
  const change = (edit: (bytes: Uint8Array) => void): string => {
    const bytes = Uint8Array.from(image);
    edit(bytes);
    return compareFences(then, readDiskFence(diskOf(bytes), 'ext4')) ?? 'nothing';
  };
  assert.match(
    change((bytes) => (bytes[1024 + 0x34]! += 1)),
    /mounted for the last time .*0 then, 1 now/,
  );
  assert.match(
    change((bytes) => (bytes[1024 + 0x30]! ^= 1)),
    /it was written to at/,
  );
  // s_feature_incompat: a journal that has to be replayed.
  assert.equal(
    change((bytes) => (bytes[1024 + 0x60]! |= 4)),
    'its content has changed',
  );
  const journal = Buffer.from(image).indexOf(Buffer.from('c03b399800000004', 'hex'));
  assert.equal(
    change((bytes) => (bytes[journal + 0x18]! ^= 1)),
    'its content has changed',
  );
  assert.equal(
    change((bytes) => bytes.fill(0, 1024, 2048)),
    'there is no ext4 filesystem any more',
  );
});

test('tune2fs and e2fsck change it too', { skip }, () => {
  const root = mkdtempSync(join(tmpdir(), 'torpor-fence-'));
  const path = join(root, 'image');
  const image = makeExt4(16 * 1024);
  const then = readDiskFence(diskOf(image), 'ext4');
  for (const [program, args] of [
    ['/usr/sbin/tune2fs', ['-c', '7']],
    ['/usr/sbin/e2fsck', ['-fy']],
  ] as const) {
    writeFileSync(path, image);
    execFileSync(program, [...args, path], { stdio: 'ignore' });
    assert.notEqual(compareFences(then, readDiskFence(diskOf(readFileSync(path)), 'ext4')), null, program);
  }
  rmSync(root, { recursive: true });
});

test('a single byte changes the fence of a whole disk; a disk is none of another kind', () => {
  const bytes = new Uint8Array(3 << 20).fill(5);
  for (const [kind, at] of [
    ['whole', (3 << 20) - 1],
    ['head', 100],
    ['btrfs', (64 << 10) + 72],
  ] as const) {
    const then = readDiskFence(diskOf(bytes), kind);
    const changed = bytes.slice();
    changed[at] = 6;
    assert.equal(compareFences(then, readDiskFence(diskOf(changed), kind)), 'its content has changed', kind);
  }
  const [whole, head] = [readDiskFence(diskOf(bytes), 'whole'), readDiskFence(diskOf(bytes), 'head')];
  assert.notEqual(compareFences(whole, head), null);
});

test('any bytes have a fence of each kind, and are read inside the disk', { skip }, () => {
  const fresh = makeExt4(8 * 1024, ['-b', '1024']);
  const change = fc.array(fc.tuple(fc.integer({ min: 1024, max: 100_000 }), fc.nat(255)), { maxLength: 200 });
  fc.assert(
    fc.property(
      change,
      fc.constantFrom(...FENCE_KINDS),
      fc.integer({ min: 0, max: fresh.length }),
      (edits, kind, end) => {
        const image = fresh.slice(0, end);
        for (const [at, value] of edits) image[at] = value;
        assert.match(readDiskFence(diskOf(image), kind).sha256, /^[0-9a-f]{64}$/);
      },
    ),
    { numRuns: 60 },
  );
});
