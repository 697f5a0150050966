import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PAGE_BYTES } from '../../base/units.ts';
import { allocate, syscall } from '../native.ts';
import { SYSTEM_CALL } from './call.ts';
import { consecutiveVectors, type PageVector, VECTOR_PAGES, zeroVector } from './page-vector.ts';

/** What the kernel writes of a vector. */
function written({ address, pages }: PageVector): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), 'torpor-vector-'));
  const file = join(directory, 'pages');
  const fd = openSync(file, 'w');
  try {
    assert.equal(syscall(SYSTEM_CALL.writev, fd, address, pages, 0, 0, 0), pages * PAGE_BYTES);
    return readFileSync(file);
  } finally {
    closeSync(fd);
    rmSync(directory, { recursive: true });
  }
}

test('a vector stands for what the bytes begin with, wherever in a buffer they begin', () => {
  const vectorOf = consecutiveVectors();
  const buffers = [allocate((VECTOR_PAGES + 44) * PAGE_BYTES), allocate(2 * PAGE_BYTES)] as const;
  for (const { bytes } of buffers) {
    for (let page = 0; page < bytes.length / PAGE_BYTES; page += 1)
      bytes.fill(1 + (page % 250), page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
  }
  // Forwards, back, past what one vector covers, and in other memory.
  for (const [buffer, start, end] of [
    [0, 0, 120],
    [0, 120, 240],
    [0, 0, 5],
    [0, VECTOR_PAGES - 6, VECTOR_PAGES + 44],
    [0, VECTOR_PAGES + 43, VECTOR_PAGES + 44],
    [1, 1, 2],
    [0, 3, 4],
  ] as const) {
    const wanted = buffers[buffer].bytes.subarray(start * PAGE_BYTES, end * PAGE_BYTES);
    const vector = vectorOf(wanted);
    assert.ok(vector.pages >= 1 && vector.pages <= end - start);
    assert.ok(Buffer.compare(written(vector), wanted.subarray(0, vector.pages * PAGE_BYTES)) === 0);
  }
});

test('a vector of zeros is many pages', () => {
  const zeros = written(zeroVector());
  assert.equal(zeros.length, VECTOR_PAGES * PAGE_BYTES);
  assert.ok(zeros.every((byte) => byte === 0));
});
