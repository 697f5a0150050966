import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const GUARD = join(import.meta.dirname, '../../../bin/guard');
const folder = mkdtempSync(join(tmpdir(), 'torpor-guard-'));
after(() => rmSync(folder, { recursive: true }));

function program(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Runs a program under the guard, with commands that only say what they were called with. */
function runGuarded(node: string, ...args: string[]) {
  const calls = join(folder, 'calls');
  writeFileSync(calls, '');
  for (const name of ['fsfreeze', 'mount']) program(name, `echo "${name} $*" >>${calls}`);
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
  const { status, stderr } = spawnSync(GUARD, [node, ...args], { env, encoding: 'utf8' });
  return { status, stderr, calls: readFileSync(calls, 'utf8').trim().split('\n') };
}

const skip = process.getuid?.() === 0 ? false : 'the guard needs /run to be writable';

test('what a program has left that was ended by a signal is undone, in its order', { skip }, () => {
  const undo = new URL('undo.ts', import.meta.url);
  const setting = join(folder, 'setting');
  const trace = join(folder, 'trace');
  const script = join(folder, 'left.ts');
  writeFileSync(
    script,
    `import { mkdirSync } from 'node:fs';
import { guard, undoLater } from ${JSON.stringify(undo.href)};
mkdirSync(${JSON.stringify(trace)});
undoLater({ kind: 'remove', path: ${JSON.stringify(trace)} });
undoLater({ kind: 'write', path: ${JSON.stringify(setting)}, value: '0' });
undoLater({ kind: 'mount', source: '/dev/vdb', place: '/srv', type: 'ext4', options: 'rw,noatime' });
undoLater({ kind: 'thaw', place: '/home' })();
undoLater({ kind: 'thaw', place: '/' });
if (guard()[0] === process.ppid) process.kill(process.pid, 'SIGKILL');`,
  );
  const { status, stderr, calls } = runGuarded(
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    script,
  );
  // Nothing that would wait for a frozen filesystem, such as a shell's “Killed”, before all is undone.
  assert.deepEqual([status, stderr], [137, 'torpor: ended by a signal; what stood still goes on\n']);
  assert.deepEqual(calls, ['fsfreeze --unfreeze /', 'mount -t ext4 -o rw,noatime /dev/vdb /srv']);
  assert.deepEqual([readFileSync(setting, 'utf8'), existsSync(trace)], ['0\n', false]);
});

test('a program that ends by itself has undone all; its status is passed on', () => {
  const node = program('node', 'printf "thaw\\t/\\n" >"$TORPOR_UNDO"; exit 7');
  assert.deepEqual(runGuarded(node), { status: 7, stderr: '', calls: [''] });
});

test('a guarded program may start another one', () => {
  const inner = program('inner', 'printf "thaw\\t/srv\\n" >"$TORPOR_UNDO"; kill -KILL $$');
  const node = program('node', `${GUARD} ${inner}; exit 3`);
  const { status, calls } = runGuarded(node);
  assert.deepEqual([status, calls], [3, ['fsfreeze --unfreeze /srv']]);
});

test('one that was ended with nothing to undo is not spoken of', () => {
  const node = program('node', 'kill -KILL $$');
  assert.deepEqual(runGuarded(node), { status: 137, stderr: '', calls: [''] });
});

test('the program is the one that decides what a signal to both is', { skip }, () => {
  const node = program('node', 'trap "exit 5" TERM; kill -TERM $PPID $$; sleep 5');
  assert.equal(runGuarded(node).status, 5);
});
