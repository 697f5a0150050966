import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { newDirectory } from './new-directory.fixture.ts';
import { findQemu, killQemu, requireQemu } from './qemu-process.ts';
import { locateLab, makeStateDirectories, writeJsonFile } from './state.ts';

function newState() {
  const state = locateLab({ TORPOR_LAB_DIR: newDirectory() });
  makeStateDirectories(state);
  return state;
}

function startSleeper(t: TestContext): ChildProcess {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

function recordOf(pid: number, startTicks = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[21]!) {
  const hostBootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return { pid, startTicks, hostBootId, startedAt: new Date().toISOString() };
}

test('killQemu() ends the recorded process and forgets it', async (t) => {
  const state = newState();
  const child = startSleeper(t);
  writeJsonFile(state.processFile, recordOf(child.pid!));
  assert.equal(findQemu(state)?.pid, child.pid);
  const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
  await killQemu(state);
  assert.equal(await ended, 'SIGKILL');
  assert.ok(!existsSync(state.processFile));
});

test('killQemu() never touches a process that only has the same id', async (t) => {
  const state = newState();
  const child = startSleeper(t);
  writeJsonFile(state.processFile, recordOf(child.pid!, '12345'));
  assert.equal(findQemu(state), null);
  await killQemu(state);
  assert.equal(child.exitCode ?? child.signalCode, null);
});

test('requireQemu() says when there is no machine', () => {
  assert.throws(() => requireQemu(newState()), { code: 'E_LAB_DOWN' });
});

test('locateLab() keeps socket paths short enough for the kernel, and apart', () => {
  const long = `/tmp/${'x'.repeat(120)}`;
  const one = locateLab({ TORPOR_LAB_DIR: `${long}1` });
  const two = locateLab({ TORPOR_LAB_DIR: `${long}2` });
  assert.ok(Buffer.byteLength(one.sockets.console) < 108);
  assert.notEqual(one.sockets.console, two.sockets.console);
  assert.equal(locateLab({ TORPOR_LAB_DIR: '/tmp/a' }).sockets.qmp, '/tmp/a/qmp.sock');
});
