import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import { TorporError } from '../base/errors.ts';
import { FakeStorage } from '../sys/storage.fake.ts';
import { FakeRegion, facts, memoryRegion } from './bank.fixture.ts';
import { Bank } from './bank.ts';
import { BLOBS, blobPath, writeBlob } from './blobs.ts';
import { FrameQueue } from './frame-queue.ts';
import { FramedWriter } from './framed-writer.ts';
import { encodeJson, type Manifest, MEDIA_TYPE } from './oci.ts';
import { packRunWord } from './page-run.ts';
import { encodeDescription } from './read-description.ts';
import { openSeal } from './seal.ts';
import type { Snapshot } from './snapshot.ts';
import { encodeEntry } from './snapshot-entries.ts';
import { verifySnapshot } from './verify.ts';

const PAGES = 600;
const region = memoryRegion(PAGES);
const content = Array.from({ length: PAGES }, (_, page) =>
  page % 9 === 0 ? null : page % 5 === 0 ? 0 : page,
);
const otherContent = content.map((value) => (value ?? 0) + 5000);

/** A bank with two snapshots that share nothing, closed. */
async function twoSnapshots(): Promise<FakeStorage> {
  const storage = new FakeStorage();
  const bank = Bank.create(storage);
  await bank.save({ description: facts('one'), sources: [new FakeRegion(region, content)] });
  await bank.save({ description: facts('other'), sources: [new FakeRegion(region, otherContent)] });
  bank.close();
  return storage;
}

/** The blobs of a snapshot, its manifest first. */
function blobsOf(storage: FakeStorage, os: string): string[] {
  const bank = Bank.open(storage);
  const { digest, manifest } = bank.find(os);
  return [digest, manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)];
}

/** What a restore does before it touches anything. Null when all is well. */
async function verifyAll(
  storage: FakeStorage,
  os: string,
  depth: 'stored' | 'pages',
): Promise<TorporError | null> {
  try {
    const bank = Bank.open(storage);
    await verifySnapshot(bank, bank.find(os), { depth });
    return null;
  } catch (error) {
    assert.ok(error instanceof TorporError, String(error instanceof Error ? error.stack : error));
    assert.equal(error.code, 'E_BANK_DAMAGED', error.message);
    return error;
  }
}

type Damage = (storage: FakeStorage, path: string, bytes: Uint8Array) => void;

const DAMAGES: Readonly<Record<string, Damage>> = {
  missing: (storage, path) => storage.remove(path),
  empty: (storage, path) => storage.overwrite(path, new Uint8Array(0)),
  'cut short by a byte': (storage, path, bytes) => storage.overwrite(path, bytes.subarray(0, -1)),
  'cut in half': (storage, path, bytes) => storage.overwrite(path, bytes.subarray(0, bytes.length >> 1)),
  longer: (storage, path, bytes) => storage.overwrite(path, Buffer.concat([bytes, Buffer.alloc(1)])),
  'all zeros': (storage, path, bytes) => storage.overwrite(path, new Uint8Array(bytes.length)),
  unreadable: (storage, path) => {
    storage.beforeRead = (other) => {
      const facts = { call: 'read', errno: 'EIO', path };
      if (other === path) throw new TorporError('E_SYSCALL', `cannot read ${path}: EIO`, { facts });
    };
  },
};

test('a blob that is missing, cut, longer, empty or unreadable is named, and only its snapshot is affected', async () => {
  const storage = await twoSnapshots();
  for (const digest of blobsOf(storage, 'one')) {
    const path = blobPath(digest);
    for (const [name, damage] of Object.entries(DAMAGES)) {
      const copy = storage.afterPowerCut('kept');
      damage(copy, path, copy.read(path)!);
      const error = await verifyAll(copy, 'one', 'stored');
      assert.ok(error !== null, `${path} ${name}`);
      assert.deepEqual([error.facts.snapshot, error.facts.blob], ['one@monday', digest], name);
      assert.equal(await verifyAll(copy, 'other', 'stored'), null);
    }
  }
});

test('a flipped bit anywhere in a blob is found before a target is touched', async () => {
  const storage = await twoSnapshots();
  for (const digest of blobsOf(storage, 'one')) {
    const path = blobPath(digest);
    const bytes = storage.read(path)!;
    const step = Math.max(1, Math.floor(bytes.length / 150));
    for (let at = 0; at < bytes.length; at += step) {
      const copy = storage.afterPowerCut('kept');
      const changed = Uint8Array.from(bytes);
      changed[at]! ^= 1 << (at % 8);
      copy.overwrite(path, changed);
      const error = await verifyAll(copy, 'one', 'stored');
      assert.ok(error !== null, `${path}, byte ${at} of ${bytes.length}`);
      assert.equal(error.facts.blob, digest);
    }
  }
});

test('blobs that stand for each other are found', async () => {
  const storage = await twoSnapshots();
  const [one, other] = [blobsOf(storage, 'one'), blobsOf(storage, 'other')];
  for (const [index, digest] of one.entries()) {
    const copy = storage.afterPowerCut('kept');
    copy.overwrite(blobPath(digest), storage.read(blobPath(other[index]!))!);
    assert.ok((await verifyAll(copy, 'one', 'stored')) !== null, `blob ${index}`);
  }
});

test('with a manifest that cannot be read, no blob is removed', async () => {
  const storage = await twoSnapshots();
  storage.remove(blobPath(blobsOf(storage, 'one')[0]!));
  const before = storage.list(BLOBS);
  Bank.open(storage, { write: true }).close();
  assert.deepEqual(storage.list(BLOBS), before);
  assert.equal(await verifyAll(storage, 'other', 'pages'), null);
});

/** Replaces the snapshot with one whose blobs are all what their digests say, and whose content lies. */
function forge(
  storage: FakeStorage,
  os: string,
  change: (forged: { snapshot: Snapshot; manifest: Manifest; write(bytes: Uint8Array): string }) => void,
): void {
  const bank = Bank.open(storage, { write: true });
  const snapshot = structuredClone(bank.find(os)) as Snapshot;
  let number = 0;
  const write = (bytes: Uint8Array): string => writeBlob(storage, `forged-${number++}`, bytes).digest;
  const { manifest } = snapshot;
  change({ snapshot, manifest, write });
  const described = encodeDescription(openSeal, snapshot.description);
  manifest.layers[0] = {
    mediaType: MEDIA_TYPE.description,
    digest: write(described),
    size: described.length,
  };
  const bytes = encodeJson(manifest);
  const entry = { ...snapshot, digest: write(bytes), manifestBytes: bytes.length };
  const others = bank.index().manifests.filter(({ annotations }) => annotations?.['org.torpor.os'] !== os);
  bank.commit({ ...bank.index(), manifests: [...others, encodeEntry(entry)] });
  bank.close();
}

const LIES: Readonly<Record<string, (snapshot: Snapshot) => void>> = {
  'a region outside the slot': ({ description }) => Object.assign(description.regions[0]!, { start: 0x1000 }),
  'a region that leaves the slot': ({ description }) =>
    Object.assign(description.regions[0]!, { pages: 2 ** 31 }),
  'a region of another size': ({ description }) =>
    Object.assign(description.regions[0]!, { pages: PAGES + 1 }),
  'a region that is not aligned': ({ description }) =>
    Object.assign(description.regions[0]!, { start: 0x4000_0800 }),
  'a region twice': ({ description, manifest }) => {
    description.regions.push(description.regions[0]!);
    manifest.layers.splice(1, 0, manifest.layers[1]!);
  },
  'a pack with fewer pages': ({ description }) => Object.assign(description.packs[0]!, { pages: 1 }),
  'a pack with more pages': ({ description }) => Object.assign(description.packs[0]!, { pages: 32_768 }),
  'a pack with another trailer': ({ description }) =>
    Object.assign(description.packs[0]!, { trailer: `sha256:${'0'.repeat(64)}` }),
  'a path as a digest': ({ description }) =>
    Object.assign(description.packs[0]!, { digest: 'sha256:../../../../etc/passwd' }),
  'a path as a layer': ({ manifest }) =>
    Object.assign(manifest.layers[1]!, { digest: `sha256:${'../'.repeat(21)}x` }),
  'a layer of an absurd size': ({ manifest }) => Object.assign(manifest.layers[1]!, { size: 2 ** 52 }),
  'a description of an absurd size': ({ manifest }) => Object.assign(manifest.layers[1]!, { size: 2 ** 39 }),
  'the page map of a pack': ({ manifest }) => {
    const pack = manifest.layers[2]!;
    Object.assign(manifest.layers[1]!, { digest: pack.digest, size: pack.size });
  },
  'no page map': ({ manifest }) => manifest.layers.splice(1, 1),
  'a layer too many': ({ manifest }) =>
    manifest.layers.push({ ...manifest.layers[1]!, mediaType: 'text/plain' }),
  'the page map of another snapshot': ({ manifest }) =>
    Object.assign(manifest.layers[1]!, { digest: `sha256:${'a'.repeat(64)}` }),
  'another snapshot’s id': ({ description }) => Object.assign(description, { id: 'f'.repeat(32) }),
  'another OS': ({ description }) => Object.assign(description, { os: 'other' }),
  'an OS that is a path': ({ description }) => Object.assign(description, { os: '../x' }),
  'a version to come': ({ description }) => Object.assign(description, { version: 2 }),
  'a field that nobody knows': ({ description }) => Object.assign(description, { extra: 1 }),
};

test('a manifest or description that lies is refused, and other snapshots are not affected', async () => {
  const storage = await twoSnapshots();
  for (const [name, lie] of Object.entries(LIES)) {
    const copy = storage.afterPowerCut('kept');
    forge(copy, 'one', ({ snapshot }) => lie(snapshot));
    const error = await verifyAll(copy, 'one', 'stored').catch((reason: unknown) => reason);
    assert.ok(error instanceof TorporError, `${name}: ${error}`);
    assert.equal(await verifyAll(copy, 'other', 'pages'), null, name);
  }
});

/** Lets a framed blob be written as somebody would who means harm, and takes it for a layer. */
async function forgeBlob(
  storage: FakeStorage,
  layer: 1 | 2,
  write: (writer: FramedWriter, queue: FrameQueue) => void,
  extra: Uint8Array,
): Promise<void> {
  const writer = new FramedWriter(storage, openSeal, layer === 1 ? 'pageMap' : 'pack', 'forged');
  const queue = new FrameQueue();
  write(writer, queue);
  await queue.end();
  const blob = writer.finish(extra);
  forge(storage, 'one', ({ snapshot, manifest }) => {
    Object.assign(manifest.layers[layer]!, { digest: blob.digest, size: blob.sizeBytes });
    if (layer === 1) {
      snapshot.description.pageMaps[0] = blob.digest;
      return;
    }
    const { digest, sizeBytes, trailer } = blob;
    Object.assign(snapshot.description.packs[0]!, { digest, sizeBytes, trailer, pages: extra.length / 32 });
  });
}

test('a page map whose runs lie is refused', async () => {
  const run = (state: 0 | 1 | 2 | 3, count: number, pack = 0, first = 0): number[] => [
    packRunWord(state as 2, count),
    pack,
    first,
  ];
  const maps: Readonly<Record<string, number[][]>> = {
    'too few pages': [run(0, PAGES - 1)],
    'too many pages': [run(0, PAGES + 1)],
    'far too many pages': [run(0, 2 ** 30 - 1), run(0, 2 ** 30 - 1)],
    'no pages': [run(0, 0), run(0, PAGES)],
    'an unknown state': [run(3, PAGES)],
    'a pack that is not there': [run(2, PAGES, 1)],
    'a pack with an absurd number': [run(2, PAGES, 2 ** 32 - 1)],
    'pages behind the end of the pack': [run(2, PAGES, 0, 2 ** 32 - 1)],
    'zeros in a pack': [run(1, PAGES, 0, 1)],
  };
  const storage = await twoSnapshots();
  const regionJson = encodeJson(region);
  for (const [name, runs] of Object.entries(maps)) {
    const copy = storage.afterPowerCut('kept');
    const words = new Uint8Array(Uint32Array.from(runs.flat()).buffer);
    await forgeBlob(copy, 1, (writer, queue) => queue.submit(writer, words, 0, runs.length), regionJson);
    assert.ok((await verifyAll(copy, 'one', 'stored')) !== null, name);
  }
  const whole = new Uint8Array(Uint32Array.from(run(0, PAGES)).buffer);
  const cases: [string, number, Uint8Array][] = [
    ['starts later', 5, regionJson],
    ['another region', 0, encodeJson(memoryRegion(PAGES - 1))],
    ['no region', 0, Buffer.from('{')],
  ];
  for (const [name, firstPage, extra] of cases) {
    const copy = storage.afterPowerCut('kept');
    await forgeBlob(copy, 1, (writer, queue) => queue.submit(writer, whole, firstPage, 1), extra);
    assert.ok((await verifyAll(copy, 'one', 'stored')) !== null, name);
  }
  const copy = storage.afterPowerCut('kept');
  await forgeBlob(copy, 1, () => {}, regionJson);
  assert.ok((await verifyAll(copy, 'one', 'stored')) !== null, 'no runs at all');
});

test('a pack that expands to too much, to too little, or whose pages lie about their digests is refused', async () => {
  const storage = await twoSnapshots();
  const stored = content.filter((value) => value !== null && value !== 0).length;
  const digests = (count: number): Uint8Array => new Uint8Array(count * 32);
  const frames: Readonly<Record<string, (writer: FramedWriter, queue: FrameQueue) => void>> = {
    'fewer pages than digests': (writer, queue) => queue.submit(writer, new Uint8Array(4096), 0, 1),
    'a frame of no zstd': (writer) => {
      for (let first = 0; first < stored; first += 256) {
        const items = Math.min(256, stored - first);
        writer.append({ compressed: Buffer.from('bomb'), rawBytes: items * 4096, firstItem: first, items });
      }
    },
    'wrong digests': (writer, queue) => {
      for (let first = 0; first < stored; first += 256) {
        const items = Math.min(256, stored - first);
        queue.submit(writer, new Uint8Array(items * 4096).fill(1), first, items);
      }
    },
  };
  for (const [name, write] of Object.entries(frames)) {
    const copy = storage.afterPowerCut('kept');
    await forgeBlob(copy, 2, write, digests(stored));
    // The forged manifest was never verified here, so the default looks at every page.
    const bank = Bank.open(copy);
    await assert.rejects(verifySnapshot(bank, bank.find('one')), { code: 'E_BANK_DAMAGED' }, name);
    assert.equal(await verifyAll(copy, 'other', 'pages'), null, name);
  }
});

test('a pack that lies about its digests is not searched for pages of other snapshots', async () => {
  const storage = await twoSnapshots();
  const evil = Buffer.alloc(4096, 0xee);
  const page = new Uint8Array(4096);
  new FakeRegion(memoryRegion(1), [77]).read(0, page);
  await forgeBlob(
    storage,
    2,
    (writer, queue) => queue.submit(writer, evil, 0, 1),
    hash('sha256', page, 'buffer'),
  );
  const bank = Bank.open(storage, { write: true });
  await bank.save({ description: facts('victim'), sources: [new FakeRegion(memoryRegion(1), [77])] });
  const target = FakeRegion.blank(memoryRegion(1));
  await bank.place(bank.find('victim'), [target]);
  assert.deepEqual(target.content, [77]);
});
