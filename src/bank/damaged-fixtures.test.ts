import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { TorporError } from '../base/errors.ts';
import { FakeStorage } from '../sys/storage.fake.ts';
import { Bank, KEY_FILE } from './bank.ts';
import { unwrapBankKey } from './bank-key.ts';
import { exportSnapshot, planExport } from './export.ts';
import { pruneBank } from './prune.ts';
import { planRemoval, removeSnapshots } from './remove.ts';
import { openSeal, type Seal } from './seal.ts';
import { createAesSeal } from './seal-aes.ts';
import { measureBank } from './stats.ts';
import { readTar } from './tar.ts';
import { verifySnapshot } from './verify.ts';

/** tests/fixtures/banks/make.ts makes them and says what each is. */
const FIXTURES = join(import.meta.dirname, '../../tests/fixtures/banks');

/** The pack that both need is damaged, or no content opens. */
const BOTH_DAMAGED: ReadonlySet<string> = new Set(['packs-swapped', 'encrypted-key-of-another-bank']);

interface Expected {
  readonly code: string | null;
  readonly snapshot: string | null;
  readonly message: string;
  readonly passphrase?: string;
}

const EXPECTED: Record<string, Expected> = JSON.parse(readFileSync(join(FIXTURES, 'expected.json'), 'utf8'));

async function readFixture(name: string): Promise<FakeStorage> {
  const storage = new FakeStorage();
  const archive = zstdDecompressSync(readFileSync(join(FIXTURES, `${name}.tar.zst`)));
  for await (const entry of readTar([archive])) {
    storage.makeDirectory(entry.name.split('/').slice(0, -1).join('/') || '.');
    storage.overwrite(entry.name, Buffer.concat(await Array.fromAsync(entry.content)));
  }
  return storage;
}

async function sealOf(storage: FakeStorage, passphrase: string | undefined): Promise<Seal> {
  const keyFile = storage.read(KEY_FILE);
  if (keyFile === null || passphrase === undefined) return openSeal;
  return createAesSeal(await unwrapBankKey(keyFile, { passphrase }));
}

/** What somebody who wants to restore a snapshot does first; the failure, or null. */
async function verifyFailure(bank: Bank, reference: string): Promise<TorporError | null> {
  try {
    await verifySnapshot(bank, bank.find(reference), { depth: 'pages' });
    return null;
  } catch (error) {
    assert.ok(error instanceof TorporError, `${reference}: ${error}`);
    return error;
  }
}

function check(error: TorporError | null, { code, message }: Expected, name: string): void {
  assert.equal(error?.code, code, `${name}: ${error?.message}`);
  assert.ok(error?.message.includes(message), `${name}: ${error?.message}`);
  assert.ok(error?.hint !== undefined, name);
}

for (const [name, expected] of Object.entries(EXPECTED)) {
  test(`the bank “${name}”: ${expected.code ?? 'all well'}`, async () => {
    const storage = await readFixture(name);
    const before = new Map(storage.paths().map((path) => [path, storage.read(path)]));
    let bank: Bank;
    try {
      bank = Bank.open(storage, { seal: await sealOf(storage, expected.passphrase) });
    } catch (error) {
      assert.ok(error instanceof TorporError && expected.snapshot === null, `${name}: ${error}`);
      check(error, expected, name);
      return;
    }
    if (expected.code === null) {
      for (const reference of ['os@a', 'os@b']) assert.equal(await verifyFailure(bank, reference), null);
    } else {
      const error = await verifyFailure(bank, expected.snapshot ?? assert.fail('the bank opened'));
      check(error, expected, name);
      assert.equal(error?.facts.snapshot, expected.snapshot, 'the snapshot is named');
    }
    assert.deepEqual(
      new Map(storage.paths().map((path) => [path, storage.read(path)])),
      before,
      'nothing was changed',
    );
  });

  if (expected.snapshot === 'os@b' && !BOTH_DAMAGED.has(name)) {
    test(`the bank “${name}”: the other snapshot is not affected, and stays when the damaged one goes`, async () => {
      const storage = await readFixture(name);
      const seal = await sealOf(storage, expected.passphrase);
      const bank = Bank.open(storage, { seal, write: true });
      assert.equal(await verifyFailure(bank, 'os@a'), null);
      await measureBank(bank);
      await pruneBank(bank).catch((error: unknown) => assert.ok(error instanceof TorporError, String(error)));
      const archive = await Array.fromAsync(exportSnapshot(bank, planExport(bank, bank.find('os@a'))));
      assert.ok(archive.length > 0);
      removeSnapshots(bank, planRemoval(bank, ['os@b']));
      await pruneBank(bank);
      assert.equal(await verifyFailure(bank, 'os@a'), null);
      assert.deepEqual(
        bank.snapshots().map(({ reference }) => reference),
        ['os@a'],
      );
    });
  }
}
