import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openStorage } from '../sys/linux/storage.ts';
import { Bank } from './bank.ts';
import { exportSnapshot, planExport } from './export.ts';
import { importSnapshot } from './import.ts';
import { type FrozenContent, range, requireContent, saveFrozen } from './snapshots.fixture.ts';
import { verifySnapshot } from './verify.ts';

const skip =
  spawnSync('skopeo', ['--version']).status === 0 ? false : 'skopeo is not installed (scripts/setup does it)';
const root = mkdtempSync(join(tmpdir(), 'torpor-skopeo-'));
after(() => rmSync(root, { recursive: true }));
const at = (name: string): string => join(root, name);

const FIRST: FrozenContent = { memory: [...range(1, 300), 0, null], disk: range(500, 510) };
const SECOND: FrozenContent = {
  memory: [...range(1, 290), ...range(700, 710), 0, null],
  disk: range(500, 510),
};

const bank = Bank.create(openStorage(at('bank')));
await saveFrozen(bank, 'debian13@monday', FIRST, 1);
await saveFrozen(bank, 'debian13@tuesday', SECOND, 2);
bank.close();

/** Runs skopeo; returns its output. */
function skopeo(...options: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('skopeo', options, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}

test('skopeo inspects a snapshot in the bank', { skip }, () => {
  const seen = JSON.parse(skopeo('inspect', `oci:${at('bank')}:debian13@tuesday`));
  const { manifest, digest } = bank.find('debian13@tuesday');
  assert.equal(seen.Digest, digest);
  assert.deepEqual(
    seen.Layers,
    manifest.layers.map((layer) => layer.digest),
  );
  assert.deepEqual([seen.Architecture, seen.Os], ['amd64', 'linux']);
  assert.deepEqual(seen.Labels, { 'org.torpor.os': 'debian13', 'org.torpor.tag': 'tuesday' });
});

test('a copy by skopeo is a bank that opens, verifies and comes back', { skip }, async () => {
  skopeo('copy', '-q', `oci:${at('bank')}:debian13@tuesday`, `oci:${at('copy')}:debian13@tuesday`);
  const copy = Bank.open(openStorage(at('copy')));
  assert.deepEqual(copy.snapshots(), bank.snapshots().slice(1));
  await verifySnapshot(copy, copy.find('debian13@tuesday'), { depth: 'pages' });
  await requireContent(copy, copy.find('debian13@tuesday'), SECOND);
});

test('a copy of the copy, as an archive, is imported', { skip }, async () => {
  skopeo('copy', '-q', `oci:${at('bank')}:debian13@monday`, `oci:${at('second')}:any-name`);
  skopeo('copy', '-q', `oci:${at('second')}:any-name`, `oci-archive:${at('copied.tar')}`);
  const other = Bank.create(openStorage(at('imported')));
  await importSnapshot(other, createReadStream(at('copied.tar')));
  await requireContent(other, other.find('debian13@monday'), FIRST);
  other.close();
});

test('skopeo reads what was exported, and copies it into a layout', { skip }, async () => {
  const plan = planExport(bank, bank.find('debian13@tuesday'));
  writeFileSync(at('exported.tar'), Buffer.concat(await Array.fromAsync(exportSnapshot(bank, plan))));
  const seen = JSON.parse(skopeo('inspect', `oci-archive:${at('exported.tar')}:debian13@tuesday`));
  assert.equal(seen.Digest, plan.snapshot.digest);
  skopeo('copy', '-q', `oci-archive:${at('exported.tar')}:debian13@tuesday`, `oci:${at('third')}:x`);
  const copy = Bank.open(openStorage(at('third')));
  await requireContent(copy, copy.find('debian13@tuesday'), SECOND);
});
