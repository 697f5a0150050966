import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { failure } from '../../base/errors.fixture.ts';
import { TorporError } from '../../base/errors.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import { KERNEL, memoryOf, streamOf } from './image.fixture.ts';
import { decodeImageHeader } from './image-header.ts';
import { dialectOf, planStreamHead, readImageStream } from './image-stream.ts';

function readFrom(stream: Uint8Array) {
  return readImageStream(stream.length / PAGE_BYTES, (first, into) =>
    into.set(stream.subarray(first * PAGE_BYTES, first * PAGE_BYTES + into.length)),
  );
}

const entries = fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 4000 }), fc.nat(2)), {
  selector: ([pfn]) => pfn,
  minLength: 1,
  maxLength: 1200,
});

test('a stream of either dialect is read as it was made', () => {
  fc.assert(
    fc.property(entries, fc.constantFrom('plain' as const, 'zero-flag' as const), (list, dialect) => {
      const stream = streamOf(memoryOf(list), dialect);
      const { kernel, runs, firstDataPage } = readFrom(stream);
      assert.deepEqual(kernel, KERNEL);
      const zeros = list.filter(([, byte]) => byte === 0).length;
      assert.equal(runs.zeros, dialect === 'plain' ? 0 : zeros);
      assert.equal(runs.stored + runs.zeros, list.length);
      for (const [pfn, byte] of list) {
        const run = runs.find(pfn);
        assert.ok(run !== null);
        if (run.isZero) assert.equal(byte, 0);
        else assert.equal(stream[(firstDataPage + run.firstStored + pfn - run.start) * PAGE_BYTES], byte);
      }
    }),
    { numRuns: 40 },
  );
});

test('an image of a newer kernel is planned for an older one: zeros become pages', () => {
  const { kernel, runs } = readFrom(
    streamOf(
      memoryOf([
        [1, 7],
        [2, 0],
        [3, 0],
        [9, 8],
      ]),
      'zero-flag',
    ),
  );
  const head = planStreamHead(kernel, runs, 'plain');
  assert.deepEqual([head.listPages, head.storedPages], [1, 4]);
  assert.equal(decodeImageHeader(head.header).storedPages, 4);
  const [list] = [...head.list()];
  const view = new DataView(list!.buffer);
  assert.deepEqual(
    [0, 8, 16, 24, 32].map((at) => view.getBigUint64(at, true)),
    [1n, 2n, 3n, 9n, 0xffff_ffff_ffff_ffffn],
  );
});

test('a list that fills its pages has no end mark', () => {
  const list = Array.from({ length: 512 }, (_, pfn): [number, number] => [pfn, 1]);
  const stream = streamOf(memoryOf(list), 'plain');
  assert.equal(stream.length / PAGE_BYTES, 1 + 1 + 512);
  assert.equal(readFrom(stream).runs.stored, 512);
});

test('damage is E_IMAGE_STREAM', () => {
  const whole = streamOf(
    memoryOf([
      [1, 7],
      [2, 0],
      [9, 8],
    ]),
    'zero-flag',
  );
  const damaged = (change: (bytes: Uint8Array, view: DataView) => void): Uint8Array => {
    const bytes = Uint8Array.from(whole);
    change(bytes, new DataView(bytes.buffer));
    return bytes;
  };
  const cases: [string, Uint8Array][] = [
    ['nothing', new Uint8Array()],
    ['no magic', damaged((bytes) => bytes.fill(0, 24, 32))],
    ['more data than pages', damaged((_, view) => view.setBigUint64(416, 100n, true))],
    ['another size', damaged((_, view) => view.setBigUint64(432, 1n, true))],
    ['cut short', whole.subarray(0, whole.length - PAGE_BYTES)],
    ['page frames that do not ascend', damaged((_, view) => view.setBigUint64(PAGE_BYTES + 16, 0n, true))],
    [
      'a page frame beyond 52 bits',
      damaged((_, view) => view.setBigUint64(PAGE_BYTES + 16, 1n << 50n, true)),
    ],
    ['a list that names more data', damaged((_, view) => view.setBigUint64(PAGE_BYTES + 8, 2n, true))],
  ];
  for (const [what, stream] of cases) {
    assert.equal(failure('E_IMAGE_STREAM', () => readFrom(stream)).code, 'E_IMAGE_STREAM', what);
  }
});

test('any bytes are a stream or E_IMAGE_STREAM', () => {
  const whole = streamOf(
    memoryOf([
      [1, 7],
      [2, 0],
      [9, 8],
    ]),
    'zero-flag',
  );
  const changes = fc.array(fc.tuple(fc.nat(2 * PAGE_BYTES - 1), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(changes, (list) => {
      const bytes = Uint8Array.from(whole);
      for (const [at, value] of list) bytes[at] = value;
      try {
        readFrom(bytes);
      } catch (error) {
        assert.ok(error instanceof TorporError && error.code === 'E_IMAGE_STREAM', String(error));
      }
    }),
    { numRuns: 300 },
  );
});

test('only kernels that know the mark of zero pages get it', () => {
  for (const release of ['6.1.0-50-amd64', '5.10.0', '6.6.30', 'strange'])
    assert.equal(dialectOf(release), 'plain');
  for (const release of ['6.12.117+deb13-amd64', '6.7.0', '7.2.1'])
    assert.equal(dialectOf(release), 'zero-flag');
});
