import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Bank } from '../../../bank/bank.ts';
import { range, saveFrozen } from '../../../bank/snapshots.fixture.ts';
import { asyncFailure } from '../../../base/errors.fixture.ts';
import { EXIT_STATUS } from '../../../base/exit-status.ts';
import { openStorage } from '../../../sys/linux/storage.ts';
import { inheritExit } from '../../lazy-command.ts';
import { bankCommand } from './bank.ts';

/** Made for these tests; nothing else is locked for them. */
const IDENTITY = 'AGE-SECRET-KEY-1FU72EWPWHRTQRHWMYE68AC8ZR5ERGLL5TFEXFZLKZWYHG0V6TE6QHY30K9';
const RECIPIENT = 'age1jn68q386me0pp46d5t8z5k7lfkzarsmkxgqpayyjakntkzvy5pmsdttp3k';
const OTHER_IDENTITY = 'AGE-SECRET-KEY-1KXCHEQVD9XWJTVEDUASR20WWGZTZ9GJYUQK5VTQTW2K8XKNAHHEQD29C0R';

const root = mkdtempSync(join(tmpdir(), 'torpor-bank-cli-'));
after(() => rmSync(root, { recursive: true }));
const at = (name: string): string => join(root, name);

/** Runs `torpor bank …` and returns what it printed. */
async function run(...argv: readonly string[]): Promise<string> {
  const write = process.stdout.write;
  let printed = '';
  process.stdout.write = ((text: string) => {
    printed += text;
    return true;
  }) as typeof write;
  try {
    const command = bankCommand();
    inheritExit(command);
    await command.parseAsync([...argv], { from: 'user' });
    return printed;
  } finally {
    process.stdout.write = write;
  }
}

const json = async (...argv: readonly string[]) => JSON.parse(await run(...argv, '--json'));

/** A bank with two snapshots of one OS. */
async function makeBank(name: string): Promise<string> {
  const bank = Bank.create(openStorage(at(name)));
  await saveFrozen(bank, 'os@a', { memory: [...range(1, 40), 0, null] }, 1);
  await saveFrozen(bank, 'os@b', { memory: [...range(1, 10), 50, null, 0] }, 2);
  bank.close();
  return at(name);
}

test('ls, tree, show, diff and stats say what there is', async () => {
  const bank = await makeBank('first');
  const listed = await json('ls', '--bank', bank);
  assert.deepEqual(
    listed.map((entry: { reference: string }) => entry.reference),
    ['os@a', 'os@b'],
  );
  assert.ok(listed[0].use.ownBytes > 0 && listed[0].use.sharedBytes > 0);
  assert.match(await run('ls', '--bank', bank), /SNAPSHOT.*OWN.*SHARED[\s\S]*os@a[\s\S]*os@b/);
  assert.equal((await json('ls', 'other', '--bank', bank)).length, 0);
  assert.match(await run('tree', '--bank', bank), /^os@a .*\n└─ os@b /);
  assert.equal((await json('tree', '--bank', bank))[0].children[0].snapshot.reference, 'os@b');
  assert.match(await run('show', 'os@b', '--bank', bank), /parent +os@a\n[\s\S]*kernel +Linux 6\.12\.0/);
  assert.equal((await json('show', 'os', '--bank', bank)).description.regions[0].pages, 12);
  const [diff] = await json('diff', 'os@a', 'os@b', '--bank', bank);
  assert.deepEqual([diff.samePages, diff.changedPages, diff.emptiedPages], [11, 1, 29]);
  assert.match(await run('diff', 'os@a', 'os@b', '--ranges', '--bank', bank), /0x40009000–/);
  assert.equal((await json('stats', '--bank', bank)).snapshots[1].storedBytes, 10 * 4096);
  assert.match(await run('stats', '--bank', bank), /on disk .* : 1/);
});

test('verify names what is damaged, goes on, and ends with the status for damage', async () => {
  const bank = await makeBank('damaged');
  assert.match(await run('verify', '--bank', bank), /^whole +os@a .*every page\nwhole +os@b /);
  assert.match(
    await run('verify', 'os@a', '--sample', '1%', '--bank', bank),
    /a sample of 39 pages out of 39/,
  );
  await asyncFailure('E_USAGE', run('verify', '--sample', '0', '--bank', bank));
  const { description } = await json('show', 'os@b', '--bank', bank);
  rmSync(join(bank, 'blobs/sha256', description.packs[1].digest.slice('sha256:'.length)));
  const verdicts = await json('verify', '--bank', bank);
  assert.deepEqual(
    verdicts.map((one: { whole: boolean }) => one.whole),
    [true, false],
  );
  assert.equal(process.exitCode, EXIT_STATUS.damaged);
  process.exitCode = 0;
  assert.match(await run('verify', '--bank', bank), /DAMAGED +os@b +sha256:.*: it is missing/);
  process.exitCode = 0;
});

test('rm and prune: --dry-run changes nothing', async () => {
  const bank = await makeBank('pruned');
  const files = (): string[] => readdirSync(bank, { recursive: true }).map(String).toSorted();
  const before = files();
  const planned = await json('rm', 'os@a', '--dry-run', '--bank', bank);
  assert.match(await run('rm', 'os@a', '--dry-run', '--bank', bank), /would remove os@a/);
  assert.deepEqual(files(), before);
  const removed = await json('rm', 'os@a', '--bank', bank);
  assert.deepEqual([removed.removed, removed.bytes], [['os@a'], planned.bytes]);
  const plan = await json('prune', '--dry-run', '--bank', bank);
  assert.deepEqual([plan.packs.length, plan.packs[0].livePages], [1, 9]);
  assert.match(await run('prune', '--dry-run', '--bank', bank), /would write 1 pack anew/);
  assert.match(await run('prune', '--bank', bank), /1 pack became 1/);
  assert.match(await run('verify', '--bank', bank), /^whole +os@b/);
  assert.match(await run('tree', '--bank', bank), /its parent was removed/);
});

test('export and import carry a snapshot to another bank', async () => {
  const bank = await makeBank('source');
  const file = at('os-b.oci');
  assert.match(await run('export', 'os@b', file, '--bank', bank), /os@b is in/);
  await asyncFailure('E_FILE', run('export', 'os@b', file, '--bank', bank));
  const first = readFileSync(file);
  await run('export', 'os@b', file, '--replace', '--bank', bank);
  assert.deepEqual(readFileSync(file), first);
  assert.match(await run('init', '--bank', at('target')), /is an empty bank/);
  await asyncFailure('E_BANK_FORMAT', run('init', '--bank', at('target')));
  await run('import', file, '--tag', 'c', '--bank', at('target'));
  assert.match(await run('verify', '--bank', at('target')), /^whole +os@c/);
  assert.equal((await json('import', file, '--bank', at('target'))).known, true);
  await asyncFailure('E_FILE', run('import', at('nothing'), '--bank', at('target')));
});

test('an export that fails leaves no file', async () => {
  const bank = await makeBank('cut');
  const { description } = await json('show', 'os@b', '--bank', bank);
  const pack = join(bank, 'blobs/sha256', description.packs[0].digest.slice('sha256:'.length));
  const bytes = readFileSync(pack);
  bytes[100]! ^= 1;
  writeFileSync(pack, bytes);
  await asyncFailure('E_BANK_DAMAGED', run('export', 'os@b', at('cut.oci'), '--bank', bank));
  assert.ok(!existsSync(at('cut.oci')) && !existsSync(at('cut.oci.partial')));
});

test('an encrypted bank opens with its passphrase file only; another one can have its key', async () => {
  const bank = ['--bank', at('secret')];
  writeFileSync(at('passphrase'), 'correct horse\n');
  writeFileSync(at('wrong'), 'wrong horse\n');
  const key = ['--passphrase-file', at('passphrase')];
  assert.match(await run('init', ...bank, ...key, '--work-factor', '4'), /encrypted bank/);
  assert.deepEqual(await json('ls', ...bank, ...key), []);
  const wrong = await asyncFailure('E_BANK_KEY', run('ls', ...bank, '--passphrase-file', at('wrong')));
  assert.equal(wrong.message, 'the passphrase is not that of this bank');
  await asyncFailure('E_FILE', run('ls', ...bank, '--passphrase-file', at('nothing')));
  const plain = await makeBank('plain');
  await run('export', 'os@b', at('plain.oci'), '--bank', plain);
  await asyncFailure('E_BANK_KEY', run('import', at('plain.oci'), ...bank, ...key));
  await asyncFailure('E_USAGE', run('init', '--bank', at('other'), '--key-from', at('plain.oci'), ...key));
});

test('an encrypted bank for age recipients opens with an identity', async () => {
  writeFileSync(at('identity'), `# created: today\n${IDENTITY}\n`);
  writeFileSync(at('other-identity'), `${OTHER_IDENTITY}\n`);
  const bank = ['--bank', at('recipients')];
  await run('init', ...bank, '--recipient', RECIPIENT);
  assert.deepEqual(await json('ls', ...bank, '--identity', at('identity')), []);
  await asyncFailure('E_BANK_KEY', run('ls', ...bank, '--identity', at('other-identity')));
  await asyncFailure('E_USAGE', run('init', '--bank', at('x'), '--recipient', 'ssh-ed25519'));
  await asyncFailure('E_USAGE', run('init', '--bank', at('x'), '--recipient', 'age1', '--passphrase'));
  assert.ok(!existsSync(at('x')));
});
