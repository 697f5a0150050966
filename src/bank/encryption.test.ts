import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import test from 'node:test';
import { asyncFailure, failure } from '../base/errors.fixture.ts';
import { PAGE_BYTES } from '../base/units.ts';
import { FakeStorage } from '../sys/storage.fake.ts';
import { xxh64 } from '../sys/xxh64.ts';
import { FakeRegion, facts, memoryRegion } from './bank.fixture.ts';
import { Bank, KEY_FILE } from './bank.ts';
import { createBankKey, unwrapBankKey, wrapBankKey } from './bank-key.ts';
import { exportSnapshot, planExport } from './export.ts';
import { pruneBank } from './prune.ts';
import type { RegionSource } from './region.ts';
import { planRemoval, removeSnapshots } from './remove.ts';
import { createAesSeal } from './seal-aes.ts';
import { requireContent } from './snapshots.fixture.ts';
import { verifySnapshot } from './verify.ts';

const PASSPHRASE = 'a passphrase of the test';
const SECRET = 'root:$6$hunter2:the plaintext that nobody may find';
const COMMAND_LINE = 'luks.key=correct-horse-battery';
const KEY = createBankKey();
const KEY_TEXT = await wrapBankKey(KEY, { kind: 'passphrase', passphrase: PASSPHRASE, workFactor: 2 });

/** Pages that hold the secret, each with its number. */
function secretPage(number: number): Buffer {
  const page = Buffer.alloc(PAGE_BYTES, 0x20);
  page.write(`${SECRET} ${number}`, 1000);
  return page;
}

function secretSource(numbers: readonly number[]): RegionSource {
  return {
    region: memoryRegion(numbers.length),
    used: [{ start: 0, end: numbers.length }],
    read(firstPage, into) {
      for (let at = 0; at * PAGE_BYTES < into.length; at += 1) {
        into.set(secretPage(numbers[firstPage + at]!), at * PAGE_BYTES);
      }
    },
  };
}

/** Everything by which somebody who has a copy of the files could know the page. */
function traces(numbers: readonly number[]): Buffer[] {
  const pages = numbers.map(secretPage);
  const print = Buffer.alloc(8);
  return [
    Buffer.from(SECRET),
    Buffer.from(COMMAND_LINE),
    Buffer.from(KEY),
    Buffer.from(PASSPHRASE),
    ...pages.map((page) => hash('sha256', page, 'buffer')),
    ...pages.map((page) => Buffer.from(hash('sha256', page))),
    ...pages.map((page) => Buffer.from(hash('sha256', page, 'base64'))),
    ...pages.map((page) => {
      print.writeBigUInt64LE(xxh64(page));
      return Buffer.from(print);
    }),
  ];
}

const NUMBERS = [1, 2, 3, 4, 5, 6, 7, 8];

async function save(bank: Bank, tag: string, numbers: readonly number[]): Promise<void> {
  const plain = facts('os', tag);
  const description = { ...plain, kernel: { ...plain.kernel, commandLine: COMMAND_LINE } };
  await bank.save({ description, sources: [secretSource(numbers)] });
}

const trail = traces([...NUMBERS, 100, 101]);

function requireNoTrace(bytes: Uint8Array, where: string): void {
  for (const trace of trail) assert.equal(Buffer.from(bytes).indexOf(trace), -1, `${where} shows ${trace}`);
}

test('nothing readable is ever written: packs, maps, caches, temporary files, archives', async (context) => {
  const storage = new FakeStorage();
  let looks = 0;
  storage.onChange = (what) => {
    const [call, path] = what.split(' ');
    if (call !== 'append' && call !== 'rename') return;
    looks += 1;
    requireNoTrace(storage.read(path!)!, what);
  };
  const bank = Bank.create(storage, { seal: createAesSeal(KEY), keyFile: KEY_TEXT });
  await save(bank, 'a', NUMBERS);
  await save(bank, 'b', [1, 2, 100, 101]);
  removeSnapshots(bank, planRemoval(bank, ['os@a']));
  const pruned = await pruneBank(bank);
  assert.equal(pruned.oldPacks, 1);
  await verifySnapshot(bank, bank.find('os@b'), { depth: 'pages' });
  const plan = planExport(bank, bank.find('os@b'));
  for await (const chunk of exportSnapshot(bank, plan)) requireNoTrace(chunk, 'the archive');
  const paths = storage.paths();
  for (const path of paths) requireNoTrace(storage.read(path)!, path);
  assert.ok(
    paths.some((path) => path.startsWith('torpor/index/')) &&
      paths.some((path) => path.startsWith('torpor/fingerprints/')),
  );
  context.diagnostic(`${looks} writes and ${paths.length} files looked at`);
});

test('the same search finds all of it in a bank without encryption', async () => {
  const storage = new FakeStorage();
  const bank = Bank.create(storage);
  await save(bank, 'a', NUMBERS);
  const all = Buffer.concat(storage.paths().map((path) => storage.read(path)!));
  const found = trail.filter((trace) => all.indexOf(trace) >= 0);
  // The command line and the digests; pages are compressed.
  assert.ok(found.length >= 1 + NUMBERS.length, String(found.length));
});

test('pages are shared within an encrypted bank', async () => {
  const bank = Bank.create(new FakeStorage(), { seal: createAesSeal(KEY), keyFile: KEY_TEXT });
  const description = { ...facts('os', 'a') };
  await bank.save({ description, sources: [new FakeRegion(memoryRegion(4), [1, 2, 3, 0])] });
  const again = await bank.save({
    description: { ...facts('other', 'b'), parent: null },
    sources: [new FakeRegion(memoryRegion(4), [3, 2, 0, 1])],
  });
  assert.equal(again.newBytes, 0);
  await requireContent(bank, bank.find('other@b'), { memory: [3, 2, 0, 1] });
});

test('a wrong key says so, before anything is read', async () => {
  const storage = new FakeStorage();
  const bank = Bank.create(storage, { seal: createAesSeal(KEY), keyFile: KEY_TEXT });
  await save(bank, 'a', NUMBERS);
  bank.close();
  failure('E_BANK_KEY', () => Bank.open(storage));
  const { message } = await asyncFailure(
    'E_BANK_KEY',
    unwrapBankKey(storage.read(KEY_FILE)!, { passphrase: 'other' }),
  );
  assert.match(message, /passphrase is not that of this bank/);
  // The key of another bank, as when torpor/key.age was exchanged.
  const other = Bank.open(storage, { seal: createAesSeal(createBankKey()) });
  failure('E_BANK_DAMAGED', () => other.find('os@a'));
  const key = await unwrapBankKey(storage.read(KEY_FILE)!, { passphrase: PASSPHRASE });
  const right = Bank.open(storage, { seal: createAesSeal(key) });
  await verifySnapshot(right, right.find('os@a'), { depth: 'pages' });
});
