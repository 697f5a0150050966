import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readParkingArea, slotPlace } from '../../engine/image/parking-area.ts';
import { StagingArea } from '../../engine/image/staging-area.ts';
import { parkOs, planParkOs } from './park-os.ts';
import { parseParkedFacts } from './parked-facts.ts';
import { AREA, makeDisks, runOs } from './parking.fixture.ts';
import { listParked, readSlot } from './slots.ts';

/** An area with one parked OS. */
function parked() {
  const image = makeDisks();
  const sys = runOs(image, 'debian13');
  const bytes: Uint8Array[] = [];
  image.onLeave = () => void bytes.push(image.disks.get(AREA)!.bytes.slice());
  assert.throws(() => parkOs(sys, image, planParkOs(sys, image, { kind: 'off' })));
  image.disks.get(AREA)!.bytes.set(bytes[0]!);
  return { image, area: readParkingArea(image, AREA)! };
}

test('facts are read as they were written, and any text is facts or a RangeError', () => {
  const { image, area } = parked();
  const [{ facts }] = listParked(image, area) as [ReturnType<typeof listParked>[number]];
  const text = JSON.stringify(facts);
  assert.deepEqual(parseParkedFacts(text), facts);
  assert.deepEqual(
    [facts.os, facts.machineId, facts.disks[0]!.fence.kind],
    ['debian13', 'debian13-id', 'whole'],
  );
  const edits = fc.array(fc.tuple(fc.nat(text.length - 1), fc.string({ maxLength: 3 })), { maxLength: 4 });
  fc.assert(
    fc.property(edits, (list) => {
      let changed = text;
      for (const [at, piece] of list) changed = changed.slice(0, at) + piece + changed.slice(at + 1);
      try {
        parseParkedFacts(changed);
      } catch (error) {
        assert.ok(error instanceof RangeError);
      }
    }),
    { numRuns: 300 },
  );
});

test('whatever damage a slot has, it is empty, damaged or as it was', () => {
  const { image, area } = parked();
  const whole = readSlot(image, area, 0);
  assert.equal(whole.state, 'parked');
  const disk = image.disks.get(AREA)!;
  const start = slotPlace(area, 0).extents[0]!.start;
  const end = start + 40 * 4096;
  fc.assert(
    fc.property(fc.integer({ min: start, max: end - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      disk.bytes[at]! ^= flip;
      const found = readSlot(image, area, 0);
      disk.bytes[at]! ^= flip;
      // Damage of the image itself is found by its checksum when it is loaded.
      if (found.state === 'parked') assert.deepEqual(found, whole);
    }),
    { numRuns: 200 },
  );
});

test('a slot with an image of another kind is damaged, not parked', () => {
  const { image, area } = parked();
  const staging = new StagingArea(image, slotPlace(area, 0));
  staging.writeHeader({ ...staging.readHeader()!, state: 'taken' });
  assert.equal(readSlot(image, area, 0).state, 'damaged');
});
