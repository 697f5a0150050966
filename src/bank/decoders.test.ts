import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeStorage } from '../sys/storage.fake.ts';
import { FakeRegion, facts, memoryRegion } from './bank.fixture.ts';
import { Bank } from './bank.ts';
import { TMP } from './blobs.ts';
import { descriptionSchema } from './description.ts';
import type { FramedKind } from './framed-layout.ts';
import { FOOTER, HEADER, structCrc } from './framed-layout.ts';
import { FramedReader } from './framed-reader.ts';
import { FramedWriter } from './framed-writer.ts';
import { checkLayout, decodeIndex, decodeJson, decodeManifest, encodeJson } from './oci.ts';
import { decodeRuns } from './page-run.ts';
import { openSeal } from './seal.ts';
import { readSegmentPacks, SegmentReader } from './segment-reader.ts';
import { compressFrame, expandFrame, expandFrameNow } from './zstd.ts';

/** Returns normally or throws RangeError; anything else is a defect of the decoder. */
function decodes(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof RangeError, String(error instanceof Error ? error.stack : error));
  }
}

/** Bytes with some of them changed, cut or put behind. */
function mangled(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(Math.max(0, bytes.length - 1)), fc.nat(255));
  return fc
    .tuple(
      fc.array(change, { maxLength: 6 }),
      fc.option(fc.nat(bytes.length)),
      fc.uint8Array({ maxLength: 8 }),
    )
    .map(([changes, length, tail]) => {
      const copy = Uint8Array.from(bytes);
      for (const [at, value] of changes) copy[at] = value;
      return Buffer.concat([copy.subarray(0, length ?? copy.length), tail]);
    });
}

async function sample(): Promise<FakeStorage> {
  const storage = new FakeStorage();
  const bank = Bank.create(storage);
  const pages = Array.from({ length: 300 }, (_, page) => page % 200);
  await bank.save({ description: facts(), sources: [new FakeRegion(memoryRegion(300), pages)] });
  bank.close();
  return storage;
}

test('framed blobs: whatever the bytes, a frame or a RangeError', async () => {
  const storage = await sample();
  const bank = Bank.open(storage);
  const layers = bank.find('debian13').manifest.layers;
  const kinds: [FramedKind, string][] = [
    ['pageMap', layers[1]!.digest],
    ['pack', layers[2]!.digest],
  ];
  for (const [kind, digest] of kinds) {
    const bytes = storage.read(`blobs/sha256/${digest.slice(7)}`)!;
    fc.assert(
      fc.property(mangled(bytes), fc.boolean(), (changed, repair) => {
        if (repair && changed.length >= HEADER.sizeBytes + FOOTER.sizeBytes) repairSums(changed);
        storage.overwrite('x', changed);
        decodes(() => {
          const reader = new FramedReader(storage, openSeal, kind, 'x');
          for (let frame = 0; frame < Math.min(reader.frames, 4); frame += 1)
            decodes(() => reader.readNow(frame));
        });
      }),
      { numRuns: 200 },
    );
  }
});

/** Makes header and footer pass their checksums, so that their fields are looked at. */
function repairSums(bytes: Uint8Array): void {
  HEADER.encodeInto(bytes, { crc: structCrc(bytes.subarray(0, HEADER.sizeBytes)) });
  const footer = bytes.subarray(bytes.length - FOOTER.sizeBytes);
  FOOTER.encodeInto(footer, { crc: structCrc(footer) });
}

test('framed blobs: impossible frame tables are refused', () => {
  const storage = new FakeStorage();
  storage.makeDirectory(TMP);
  const frame = { compressed: Buffer.from('x'), rawBytes: 1, firstItem: 0, items: 1 };
  for (const lie of [{ rawBytes: 0 }, { rawBytes: 2 ** 20 + 1 }, { rawBytes: 2 ** 32 - 1 }]) {
    const writer = new FramedWriter(storage, openSeal, 'pack', 'a');
    writer.append({ ...frame, ...lie });
    storage.makeDirectory('blobs/sha256');
    writer.finish(new Uint8Array(0), 'x');
    assert.throws(() => new FramedReader(storage, openSeal, 'pack', 'x'), RangeError);
  }
});

test('runs: whatever the words, they cover what they say or are refused', () => {
  const packs = [5, 300];
  const word = fc.oneof(
    fc.nat(2 ** 32 - 1),
    fc.nat(400),
    fc.nat(400).map((count) => 2 ** 31 + count),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 30 }), fc.nat(2 ** 31), (words, first) => {
      decodes(() => {
        const batch = decodeRuns(new Uint8Array(Uint32Array.from(words).buffer), first, packs);
        assert.ok(batch.endPage > first);
      });
    }),
  );
  decodes(() => decodeRuns(new Uint8Array(13), 0, packs));
});

test('segments of the page index: whatever the bytes, an answer or a RangeError', async () => {
  const storage = await sample();
  const path = `torpor/index/${storage.list('torpor/index')[0]}`;
  fc.assert(
    fc.property(
      mangled(storage.read(path)!),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      (bytes, digest) => {
        storage.overwrite('x', bytes);
        decodes(() => {
          const { entries } = readSegmentPacks(storage, 'x');
          new SegmentReader(storage, 'x', entries).find(Buffer.from(digest));
        });
      },
    ),
    { numRuns: 300 },
  );
});

test('zstd: no frame expands to more than it may', async () => {
  const bomb = await compressFrame(new Uint8Array(2 ** 20));
  assert.equal((await expandFrame(bomb, 2 ** 20)).length, 2 ** 20);
  for (const expected of [1, 4096, 2 ** 20 - 1, 2 ** 20 + 1]) {
    assert.throws(() => expandFrameNow(bomb, expected), RangeError);
    await assert.rejects(expandFrame(bomb, expected), RangeError);
  }
  const two = Buffer.concat([bomb, bomb]);
  assert.throws(() => expandFrameNow(two, 2 ** 20), RangeError);
  fc.assert(fc.property(mangled(bomb), (bytes) => decodes(() => expandFrameNow(bytes, 4096))));
});

test('JSON: index, manifest, layout and description take anything and throw only RangeError', async () => {
  const storage = await sample();
  const { manifest, description } = Bank.open(storage).find('debian13');
  const decoders = [
    { bytes: storage.read('index.json')!, decode: decodeIndex },
    { bytes: encodeJson(manifest), decode: decodeManifest },
    { bytes: encodeJson(description), decode: (b: Uint8Array) => decodeJson(descriptionSchema, b) },
    { bytes: storage.read('oci-layout')!, decode: checkLayout },
  ];
  for (const { bytes, decode } of decoders) {
    decode(bytes);
    fc.assert(fc.property(mangled(bytes), (changed) => decodes(() => decode(changed))));
    fc.assert(fc.property(fc.json(), (text) => decodes(() => decode(Buffer.from(text)))));
    const value = JSON.parse(Buffer.from(bytes).toString());
    fc.assert(
      fc.property(
        fc.constantFrom(...pathsOf(value)),
        fc.oneof(fc.jsonValue(), fc.constant(2 ** 60)),
        (path, lie) => {
          decodes(() => decode(encodeJson(replaced(value, path, lie))));
        },
      ),
    );
  }
});

/** Every place in a JSON value. */
function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))];
}

function replaced(value: unknown, path: readonly string[], by: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return by;
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value)
    ? [...value]
    : { ...(value as object) };
  Reflect.set(copy, key, replaced(Reflect.get(copy, key), rest, by));
  return copy;
}
