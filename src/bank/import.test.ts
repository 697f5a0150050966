import assert from 'node:assert/strict';
import test from 'node:test';
import { asyncFailure } from '../base/errors.fixture.ts';
import { FakeStorage } from '../sys/storage.fake.ts';
import { readArchiveKey } from './archive-files.ts';
import { Bank } from './bank.ts';
import { createBankKey, wrapBankKey } from './bank-key.ts';
import { BLOBS, blobPath } from './blobs.ts';
import { exportSnapshot, planExport } from './export.ts';
import { importSnapshot } from './import.ts';
import { encodeJson, MEDIA_TYPE } from './oci.ts';
import { createAesSeal } from './seal-aes.ts';
import { type FrozenContent, range, requireContent, saveFrozen } from './snapshots.fixture.ts';
import { packTar, readTar, type TarFile } from './tar.ts';
import { verifySnapshot } from './verify.ts';

const FIRST: FrozenContent = { memory: [1, 2, 3, 0, null], disk: [7, 8, 0] };
const SECOND: FrozenContent = { memory: [1, 2, 4, 0, null], disk: [7, 9, 0] };

async function exported(bank: Bank, reference: string): Promise<Buffer> {
  const plan = planExport(bank, bank.find(reference));
  return Buffer.concat(await Array.fromAsync(exportSnapshot(bank, plan)));
}

/** The archive in pieces, as a file is read. */
async function* chunksOf(archive: Uint8Array, size = 10_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < archive.length; at += size) yield archive.subarray(at, at + size);
}

async function filesOf(archive: Uint8Array): Promise<TarFile[]> {
  const files: TarFile[] = [];
  for await (const { name, sizeBytes, content } of readTar([archive])) {
    files.push({ name, sizeBytes, content: await Array.fromAsync(content) });
  }
  return files;
}

async function archiveOf(files: readonly TarFile[]): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(packTar(files)));
}

const fileOf = (name: string, bytes: Uint8Array): TarFile => ({
  name,
  sizeBytes: bytes.length,
  content: [bytes],
});
const bytesOf = (file: TarFile): Buffer => Buffer.concat([...(file.content as Uint8Array[])]);

const source = Bank.create(new FakeStorage());
await saveFrozen(source, 'tiny@a', FIRST, 1);
await saveFrozen(source, 'tiny@b', SECOND, 2);
const archive = await exported(source, 'tiny@b');
const files = await filesOf(archive);

/** What must not have changed after an import that failed. */
const stateOf = (bank: Bank): unknown => [bank.storage.list(BLOBS), bank.snapshots()];

test('an exported snapshot comes back in another bank, with all that is known of it', async () => {
  const bank = Bank.create(new FakeStorage());
  const { snapshot, known, newBlobs } = await importSnapshot(bank, chunksOf(archive));
  assert.deepEqual([known, newBlobs], [false, files.length - 2]);
  assert.deepEqual(bank.snapshots(), source.snapshots().slice(1));
  assert.equal(snapshot.reference, 'tiny@b');
  await verifySnapshot(bank, bank.find('tiny@b'));
  await requireContent(bank, bank.find('tiny@b'), SECOND);
});

test('the archive is the same each time', async () => {
  assert.deepEqual(await exported(source, 'tiny@b'), archive);
});

test('what is there is kept: the second import of a bank brings what is new', async () => {
  const bank = Bank.create(new FakeStorage());
  await importSnapshot(bank, chunksOf(await exported(source, 'tiny@a')));
  const pack = bank.find('tiny@a').description.packs[0]!;
  const { newBytes } = await importSnapshot(bank, chunksOf(archive));
  assert.ok(newBytes < files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) - pack.sizeBytes);
  const again = await importSnapshot(bank, chunksOf(archive));
  assert.deepEqual([again.known, again.newBlobs, bank.snapshots().length], [true, 0, 2]);
});

test('a tag can be given; another snapshot of that name is E_SNAPSHOT_EXISTS', async () => {
  const bank = Bank.create(new FakeStorage());
  await saveFrozen(bank, 'tiny@b', FIRST);
  const before = stateOf(bank);
  await asyncFailure('E_SNAPSHOT_EXISTS', importSnapshot(bank, chunksOf(archive)));
  await asyncFailure('E_USAGE', importSnapshot(bank, chunksOf(archive), { tag: '../x' }));
  assert.deepEqual(stateOf(bank), before);
  await importSnapshot(bank, chunksOf(archive), { tag: 'c' });
  await requireContent(bank, bank.find('tiny@c'), SECOND);
  await requireContent(bank, bank.find('tiny@b'), FIRST);
});

test('an index without annotations, as skopeo writes it, is enough', async () => {
  const { manifests } = JSON.parse(String(bytesOf(files.find(({ name }) => name === 'index.json')!)));
  for (const annotations of [undefined, { 'org.opencontainers.image.ref.name': 'anything' }]) {
    const index = encodeJson({ schemaVersion: 2, manifests: [{ ...manifests[0], annotations }] });
    const others = files.filter(({ name }) => name !== 'index.json');
    const bank = Bank.create(new FakeStorage());
    await importSnapshot(bank, chunksOf(await archiveOf([...others, fileOf('index.json', index)])));
    assert.deepEqual(bank.snapshots(), source.snapshots().slice(1));
  }
});

test('of several snapshots one must be named', async () => {
  const all = [...files, ...(await filesOf(await exported(source, 'tiny@a')))];
  const blobs = [...new Map(all.map((file) => [file.name, file])).values()].filter(
    ({ name }) => name !== 'index.json',
  );
  const index = fileOf('index.json', source.storage.read('index.json')!);
  const both = await archiveOf([index, ...blobs]);
  const bank = Bank.create(new FakeStorage());
  const { facts } = await asyncFailure('E_USAGE', importSnapshot(bank, chunksOf(both)));
  assert.deepEqual(facts.references, ['tiny@a', 'tiny@b']);
  await asyncFailure('E_USAGE', importSnapshot(bank, chunksOf(both), { reference: 'tiny@x' }));
  await importSnapshot(bank, chunksOf(both), { reference: 'tiny@a' });
  assert.deepEqual(
    bank.snapshots().map(({ reference }) => reference),
    ['tiny@a'],
  );
  assert.equal(bank.storage.list(BLOBS).length, bank.manifest(bank.snapshots()[0]!).layers.length + 2);
});

test('a blob that is damaged in the bank is healed', async () => {
  const storage = new FakeStorage();
  const bank = Bank.create(storage);
  await importSnapshot(bank, chunksOf(archive));
  const { digest } = bank.find('tiny@b').description.packs[0]!;
  const pack = storage.read(blobPath(digest))!;
  pack[200]! ^= 1;
  storage.overwrite(blobPath(digest), pack);
  await asyncFailure('E_BANK_DAMAGED', verifySnapshot(bank, bank.find('tiny@b')));
  const { known, healedBlobs } = await importSnapshot(bank, chunksOf(archive));
  assert.deepEqual([known, healedBlobs], [true, 1]);
  await requireContent(bank, bank.find('tiny@b'), SECOND);
});

test('a damaged archive is refused at any place, and the bank stays as it was', async () => {
  const bank = Bank.create(new FakeStorage());
  await saveFrozen(bank, 'other@x', { memory: range(50, 60) });
  const before = stateOf(bank);
  const codes = new Set<string>();
  const attempt = async (bytes: Uint8Array): Promise<void> => {
    const failed = await importSnapshot(bank, chunksOf(bytes)).then(
      () => null,
      (error: unknown) => error as { code: string },
    );
    // A change that nobody reads, as in the padding of the tar, does no harm.
    if (failed === null) {
      await requireContent(bank, bank.find('tiny@b'), SECOND);
      await importSnapshotUndone(bank);
    } else codes.add(failed.code);
    assert.deepEqual(stateOf(bank), before);
  };
  for (let at = 0; at < archive.length; at += 97) {
    const damaged = Buffer.from(archive);
    damaged[at]! ^= 0x10;
    await attempt(damaged);
  }
  for (let at = 0; at < archive.length - 1024; at += 1511) {
    await asyncFailure('E_BANK_FORMAT', importSnapshot(bank, chunksOf(archive.subarray(0, at))));
    assert.deepEqual(stateOf(bank), before);
  }
  assert.deepEqual([...codes].toSorted(), ['E_BANK_DAMAGED', 'E_BANK_FORMAT']);
});

async function importSnapshotUndone(bank: Bank): Promise<void> {
  const { planRemoval, removeSnapshots } = await import('./remove.ts');
  removeSnapshots(bank, planRemoval(bank, ['tiny@b']));
}

test('missing and swapped blobs are E_BANK_DAMAGED', async () => {
  const bank = Bank.create(new FakeStorage());
  const before = stateOf(bank);
  const isBlob = ({ name }: TarFile): boolean => name.startsWith('blobs/');
  for (const missing of files.filter(isBlob)) {
    await asyncFailure(
      'E_BANK_DAMAGED',
      importSnapshot(bank, chunksOf(await archiveOf(files.filter((f) => f !== missing)))),
    );
    assert.deepEqual(stateOf(bank), before);
  }
  const [one, other] = files.filter(isBlob);
  const swapped = files.map((file) => {
    if (file === one) return { ...other!, name: one!.name };
    return file === other ? { ...one!, name: other!.name } : file;
  });
  await asyncFailure('E_BANK_DAMAGED', importSnapshot(bank, chunksOf(await archiveOf(swapped))));
  assert.deepEqual(stateOf(bank), before);
});

test('names that lead elsewhere, links and devices are refused', async () => {
  const bank = Bank.create(new FakeStorage());
  const paths = (bank.storage as FakeStorage).paths();
  const names = [
    '../../etc/passwd',
    '/etc/passwd',
    'blobs/sha256/../../torpor/key.age',
    `blobs/sha256/${'a'.repeat(63)}`,
    `blobs/sha256/${'A'.repeat(64)}`,
    'blobs/sha512/x',
    'torpor/pages.idx',
    'index.json/x',
    '',
  ];
  for (const name of names.filter((text) => text !== '')) {
    const hostile = await archiveOf([...files, fileOf(name, Buffer.from('x'))]);
    await asyncFailure('E_BANK_FORMAT', importSnapshot(bank, chunksOf(hostile)));
  }
  const { pack } = await import('tar-stream');
  for (const type of ['symlink', 'link', 'character-device', 'fifo'] as const) {
    const stream = pack();
    stream.entry({ name: files.at(-1)!.name, type, linkname: '/etc/passwd' });
    stream.finalize();
    const hostile = Buffer.concat((await Array.fromAsync(stream)) as Uint8Array[]);
    await asyncFailure('E_BANK_FORMAT', importSnapshot(bank, chunksOf(hostile)));
  }
  assert.deepEqual((bank.storage as FakeStorage).paths(), paths);
});

test('hostile sizes and other images are refused', async () => {
  const bank = Bank.create(new FakeStorage());
  const { manifests } = JSON.parse(String(bytesOf(files.find(({ name }) => name === 'index.json')!)));
  const attempt = async (index: Uint8Array): Promise<Buffer> => {
    const others = files.filter(({ name }) => name !== 'index.json');
    return await archiveOf([fileOf('index.json', index), ...others]);
  };
  const indexOf = (manifest: object): Uint8Array => encodeJson({ schemaVersion: 2, manifests: [manifest] });
  const cases = [
    ['E_BANK_DAMAGED', indexOf({ ...manifests[0], size: 2 ** 39 })],
    ['E_BANK_FORMAT', indexOf({ ...manifests[0], size: 2 ** 60 })],
    ['E_BANK_FORMAT', indexOf({ ...manifests[0], digest: 'sha256:../../../../etc/passwd' })],
    ['E_BANK_FORMAT', indexOf({ ...manifests[0], mediaType: MEDIA_TYPE.index })],
    ['E_BANK_FORMAT', Buffer.alloc(5 * 2 ** 20, 0x20)],
    ['E_BANK_FORMAT', Buffer.from('{}')],
  ] as const;
  for (const [code, index] of cases)
    await asyncFailure(code, importSnapshot(bank, chunksOf(await attempt(index))));
  assert.deepEqual(stateOf(bank), [[], []]);
});

test('a full disk leaves the bank as it was', async () => {
  const storage = new FakeStorage();
  const bank = Bank.create(storage);
  const total = planExport(source, source.find('tiny@b')).bytes;
  for (const room of [0, 1000, total / 2, total - 1]) {
    storage.capacityBytes = storage.usedBytes() + room;
    await asyncFailure('E_BANK_FULL', importSnapshot(bank, chunksOf(archive)));
    storage.capacityBytes = Number.POSITIVE_INFINITY;
    assert.deepEqual(stateOf(bank), [[], []]);
  }
  await importSnapshot(bank, chunksOf(archive));
});

test('encrypted snapshots go to banks with the same key only, and the archive has that key', async () => {
  const key = createBankKey();
  const keyFile = await wrapBankKey(key, { kind: 'passphrase', passphrase: 'x', workFactor: 2 });
  const newBank = (of: Uint8Array | null): Bank =>
    Bank.create(new FakeStorage(), of === null ? {} : { seal: createAesSeal(of), keyFile });
  const secret = newBank(key);
  await saveFrozen(secret, 'tiny@s', FIRST);
  const sealed = await exported(secret, 'tiny@s');
  assert.deepEqual(Buffer.from((await readArchiveKey(chunksOf(sealed)))!), Buffer.from(keyFile));
  assert.equal(await readArchiveKey(chunksOf(archive)), null);
  const same = newBank(key);
  await importSnapshot(same, chunksOf(sealed));
  await requireContent(same, same.find('tiny@s'), FIRST);
  const cases = [
    [newBank(createBankKey()), sealed, /key of another bank/],
    [newBank(null), sealed, /this bank is not/],
    [newBank(key), archive, /not encrypted, but this bank is/],
  ] as const;
  for (const [bank, bytes, message] of cases) {
    const { message: said } = await asyncFailure('E_BANK_KEY', importSnapshot(bank, chunksOf(bytes)));
    assert.match(said, message);
    assert.deepEqual(stateOf(bank), [[], []]);
  }
});
