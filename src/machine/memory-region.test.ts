import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PhysRange, rangeOf, sizeOf } from '../base/ranges.ts';
import { MIB, PAGE_BYTES } from '../base/units.ts';
import { FakeSys } from '../sys/fake.ts';
import type { MappedRegion } from '../sys/sys.ts';
import { memorySource, memoryTarget } from './memory-region.ts';

/** Memory that does not begin at a multiple of a window of 8 MiB. */
const RANGE = rangeOf(0x2010_0000, 70 * MIB);
/** More windows than are kept. */
const LARGE = rangeOf(0x2010_0000, 4200 * MIB);

class CountingSys extends FakeSys {
  mapped = 0;
  calls = 0;
  lookUp(range: PhysRange): MappedRegion {
    return super.mapPhysical(range);
  }
  override mapPhysical(range: Parameters<FakeSys['mapPhysical']>[0]): MappedRegion {
    const region = this.lookUp(range);
    this.mapped += 1;
    this.calls += 1;
    let open = true;
    return {
      ...region,
      close: () => {
        if (open) this.mapped -= 1;
        open = false;
      },
    };
  }
}

/** Memory of any size, all of it the same 8 MiB. */
class EndlessSys extends CountingSys {
  readonly #bytes = new Uint8Array(8 * MIB);
  override lookUp(range: PhysRange): MappedRegion {
    return { range, bytes: this.#bytes.subarray(0, sizeOf(range)), close: () => {} };
  }
}

test('a bounded number of windows is mapped, those used last stay', () => {
  const sys = new EndlessSys();
  const source = memorySource(sys, 'memory', LARGE);
  const into = new Uint8Array(PAGE_BYTES);
  for (let page = 0; page < source.region.pages; page += 2000) source.read(page, into);
  assert.equal(sys.mapped, 512);
  const before = sys.calls;
  source.read(1_074_000, into);
  source.read(1_074_000 - 4096, into);
  assert.equal(sys.calls, before);
  source.close();
  assert.equal(sys.mapped, 0);
});

test('memory is read across windows', () => {
  const sys = new CountingSys({ memory: [RANGE] });
  const { bytes } = FakeSys.prototype.mapPhysical.call(sys, RANGE);
  const border = 15 * MIB;
  bytes.fill(1, border - 10, border);
  bytes.fill(2, border, border + 10);
  const source = memorySource(sys, 'memory', RANGE);
  assert.deepEqual(source.region, { kind: 'memory', name: 'memory', start: RANGE.start, pages: 17_920 });
  assert.deepEqual([...source.used], [{ start: 0, end: 17_920 }]);
  const into = new Uint8Array(2 * PAGE_BYTES);
  source.read(border / PAGE_BYTES - 1, into);
  assert.deepEqual(
    [...into.subarray(PAGE_BYTES - 11, PAGE_BYTES + 11)],
    [0, ...Array(10).fill(1), ...Array(10).fill(2), 0],
  );
  assert.equal(sys.mapped, 2);
  assert.throws(() => source.read(17_919, into), RangeError);
  source.close();
  source.close();
  assert.equal(sys.mapped, 0);
});

test('memory is written, zeroed and freed in pages, and nothing beside them', () => {
  const sys = new CountingSys({ memory: [RANGE] });
  const { bytes } = FakeSys.prototype.mapPhysical.call(sys, RANGE);
  bytes.fill(9);
  const target = memoryTarget(sys, 'memory', RANGE, 'poison');
  target.write(7935, new Uint8Array(2 * PAGE_BYTES).fill(5));
  target.zero(10, 2);
  target.free(20, 1);
  target.flush();
  const expected = new Uint8Array(bytes.length).fill(9);
  expected.fill(5, 7935 * PAGE_BYTES, 7937 * PAGE_BYTES);
  expected.fill(0, 10 * PAGE_BYTES, 12 * PAGE_BYTES);
  expected.fill(0xaa, 20 * PAGE_BYTES, 21 * PAGE_BYTES);
  assert.ok(Buffer.from(bytes).equals(expected));
  const into = new Uint8Array(PAGE_BYTES);
  target.read(20, into);
  assert.ok(into.every((byte) => byte === 0xaa));
  for (const action of [
    () => target.write(17_920, into),
    () => target.zero(17_919, 2),
    () => target.free(-1, 1),
  ])
    assert.throws(action, RangeError);
  target.close();
  assert.equal(sys.mapped, 0);
});

test('free pages are zero unless the kernel poisons them', () => {
  for (const expectation of ['any', 'zero'] as const) {
    const sys = new FakeSys({ memory: [RANGE] });
    const { bytes } = sys.mapPhysical(RANGE);
    bytes.fill(9);
    memoryTarget(sys, 'memory', RANGE, expectation).free(0, 1);
    assert.ok(bytes.subarray(0, PAGE_BYTES).every((byte) => byte === 0));
    assert.equal(bytes[PAGE_BYTES], 9);
  }
});
