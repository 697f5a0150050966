import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PAGE_BYTES } from '../../base/units.ts';
import {
  decodeIndexPage,
  decodeStagingHeader,
  encodeIndexEntry,
  encodeStagingHeader,
  FIRST_SECTION_PAGE,
  SEED_BYTES,
  type StagingHeader,
} from './staging-layout.ts';

const HEADER: StagingHeader = {
  state: 'pending',
  id: '00112233445566778899aabbccddeeff',
  createdMs: 1_770_000_000_000,
  reference: 'debian12@monday',
  generation: 3,
  seed: new Uint8Array(SEED_BYTES).fill(9),
  pages: 5000,
  sections: [
    { kind: 'image', name: '', sizeBytes: 4096, firstPage: 16, dataPages: 100, indexPages: 0, checksum: 1n },
    {
      kind: 'disk',
      name: 'partuuid:1-2',
      sizeBytes: 1 << 30,
      firstPage: 116,
      dataPages: 7,
      indexPages: 1,
      checksum: 2n ** 64n - 1n,
    },
    { kind: 'facts', name: '', sizeBytes: 10, firstPage: 124, dataPages: 1, indexPages: 0, checksum: 3n },
  ],
  extents: [
    { start: 1 << 20, sizeBytes: 1 << 20 },
    { start: 1 << 24, sizeBytes: 1 << 23 },
  ],
};

test('a header is read as it was written', () => {
  const pages = encodeStagingHeader(HEADER);
  assert.equal(pages.length, FIRST_SECTION_PAGE * PAGE_BYTES);
  assert.deepEqual(decodeStagingHeader(pages), HEADER);
});

test('an empty, cut or changed header is none', () => {
  assert.equal(decodeStagingHeader(new Uint8Array(FIRST_SECTION_PAGE * PAGE_BYTES)), null);
  const changes = fc.array(
    fc.tuple(fc.nat(FIRST_SECTION_PAGE * PAGE_BYTES - 1), fc.integer({ min: 1, max: 255 })),
    {
      minLength: 1,
      maxLength: 3,
    },
  );
  fc.assert(
    fc.property(changes, (list) => {
      const pages = encodeStagingHeader(HEADER);
      for (const [at, flip] of list) pages[at]! ^= flip;
      const found = decodeStagingHeader(pages);
      // Two changes of one byte may take each other back.
      if (found !== null) assert.deepEqual(found, HEADER);
    }),
  );
});

test('a header of another version, or one whose sections leave the area, is refused', () => {
  assert.throws(() => decodeStagingHeader(encodeStagingHeader({ ...HEADER, pages: 120 })), RangeError);
  const [image] = HEADER.sections;
  const absurd = { ...HEADER, sections: [{ ...image!, firstPage: 0 }] };
  assert.throws(() => decodeStagingHeader(encodeStagingHeader(absurd)), RangeError);
  assert.throws(() => encodeStagingHeader({ ...HEADER, sections: Array(100).fill(image) }), RangeError);
});

test('entries of an index are read up to the first empty one', () => {
  const page = new Uint8Array(PAGE_BYTES);
  const entries = [
    { start: 0, count: 3, isZero: false },
    { start: 2 ** 33, count: 2 ** 31, isZero: true },
  ];
  for (const [slot, entry] of entries.entries()) encodeIndexEntry(page, slot, entry);
  assert.deepEqual(decodeIndexPage(page), entries);
  page[12] = 7;
  assert.throws(() => decodeIndexPage(page), RangeError);
});
