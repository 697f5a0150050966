import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { PAGE_BYTES } from '../../base/units.ts';
import { decodeParkingHead, encodeParkingHead, type ParkingHead, planParkingHead } from './parking-layout.ts';

const HEAD: ParkingHead = planParkingHead({ id: 'ab'.repeat(16), createdMs: 7, pages: 10_000, slots: 3 })!;

test('a device is divided into slots of whole MiB behind the first one', () => {
  assert.deepEqual([HEAD.firstSlotPage, HEAD.slotPages], [256, 12 * 256]);
  assert.equal(planParkingHead({ id: '', createdMs: 0, pages: 600, slots: 2 }), null);
});

test('a head is read as it was written, and a changed one is none', () => {
  const page = encodeParkingHead(HEAD);
  assert.deepEqual(decodeParkingHead(page), HEAD);
  assert.equal(decodeParkingHead(new Uint8Array(PAGE_BYTES)), null);
  fc.assert(
    fc.property(fc.nat(PAGE_BYTES - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = page.slice();
      changed[at]! ^= flip;
      assert.equal(decodeParkingHead(changed), null);
    }),
  );
});

test('one with a checksum that is right is decoded, or refused where it is absurd', () => {
  const changes = fc.array(fc.tuple(fc.integer({ min: 8, max: 63 }), fc.nat(255)), { maxLength: 6 });
  fc.assert(
    fc.property(changes, (list) => {
      const page = encodeParkingHead(HEAD);
      for (const [at, value] of list) page[at] = value;
      new DataView(page.buffer).setUint32(64, 0, true);
      new DataView(page.buffer).setUint32(64, crc32(page), true);
      try {
        const head = decodeParkingHead(page)!;
        assert.ok(head.firstSlotPage + head.slots * head.slotPages <= head.pages);
      } catch (error) {
        assert.ok(error instanceof RangeError);
      }
    }),
  );
});
