import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { asTorporError } from '../../base/errors.fixture.ts';
import { openLinuxImage } from './image-sys.ts';

const root = mkdtempSync(join(tmpdir(), 'torpor-image-'));
after(() => rmSync(root, { recursive: true }));

for (const call of ['allocatePages', 'allocateLarge'] as const) {
  test(`${call}: pages are zero and can be written`, () => {
    const pages = openLinuxImage()[call](8192);
    assert.ok(pages.length === 8192 && pages.every((byte) => byte === 0));
    pages[8191] = 1;
    assert.equal(pages[8191], 1);
  });
}

test('a file is allocated whole, and stays when it is large enough', () => {
  const path = join(root, 'area');
  const image = openLinuxImage();
  image.preallocate(path, 1 << 20);
  const { size, blocks, ino } = statSync(path);
  assert.ok(size === 1 << 20 && blocks * 512 >= size);
  image.preallocate(path, 4096);
  assert.deepEqual([statSync(path).size, statSync(path).ino], [size, ino]);
});

test('where a file lies is told in whole, or refused', () => {
  const path = join(root, 'some');
  writeFileSync(path, new Uint8Array(64 * 1024).fill(1));
  const image = openLinuxImage();
  try {
    const extents = image.fileExtents(path);
    assert.equal(
      extents.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      64 * 1024,
    );
  } catch (error) {
    // A filesystem in memory has no disk.
    const { facts } = asTorporError(() => {
      throw error;
    });
    assert.deepEqual([facts.call, facts.path], ['FIEMAP', path]);
  }
});

test('failing calls name call, path and errno', () => {
  const image = openLinuxImage();
  const missing = join(root, 'missing');
  for (const [call, action] of [
    ['open', () => image.fileExtents(missing)],
    ['open', () => image.freezeFilesystem(missing)],
    ['open', () => image.openDirect(missing, 'read')],
  ] as const) {
    const { facts } = asTorporError(action);
    assert.deepEqual([facts.call, facts.path, facts.errno], [call, missing, 'ENOENT']);
  }
  assert.equal(asTorporError(() => image.unmount(missing)).facts.call, 'umount');
});
