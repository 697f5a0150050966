import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Lab, type Ran, requireRefusal } from '../fixture.ts';
import { labTest, type Suite } from '../lab-test.ts';

const PROGRAM = join(import.meta.dirname, '../../../bin/torpor');

/** The commands as a person gives them, each a process of its own. */
export const labCommands: Suite = {
  name: 'lab commands',
  define(lab) {
    labTest(lab, 'lab exec passes output, input and exit status on', () => execPasses(lab));
    labTest(lab, 'lab exec and lab switch refuse a wrong OS', () => wrongOs(lab));
    labTest(lab, 'lab switch, status and screenshot', () => look(lab));
  },
};

async function torpor(lab: Lab, args: readonly string[], input = ''): Promise<Ran> {
  // The line to the agent takes one client at a time.
  lab.letGo();
  const env = { ...process.env, TORPOR_LAB_DIR: lab.state.directory };
  const child = spawn(PROGRAM, args, { env, stdio: 'pipe' });
  child.stdin.end(input);
  const [stdout, stderr, [exit]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number]>,
  ]);
  return { exit, stdout, stderr };
}

async function execPasses(lab: Lab): Promise<void> {
  await lab.go(lab.home);
  const run = (...args: string[]) => torpor(lab, ['lab', 'exec', ...args]);
  assert.deepEqual(await run('--', 'sh', '-c', 'echo out; echo err >&2; exit 7'), {
    exit: 7,
    stdout: 'out\n',
    stderr: 'err\n',
  });
  assert.equal((await run('--', 'sh', '-c', 'kill -9 $$')).exit, 137);
  assert.equal((await run('echo a b | wc -w')).stdout.trim(), '2', 'one word with spaces goes to a shell');
  assert.equal((await run('--', 'torpor', '--version')).exit, 0, 'torpor is in the PATH');
  const echoed = await torpor(lab, ['lab', 'exec', '-i', '--', 'cat'], 'ä\n');
  assert.deepEqual(echoed, { exit: 0, stdout: 'ä\n', stderr: '' });
  const missing = await run('--json', '--', '/no/such/program');
  requireRefusal('a program that is not there', missing, 'E_USAGE');
  const slow = await run('--timeout', '2', '--json', '--', 'sleep', '60');
  requireRefusal('a program that takes too long', slow, 'E_TIMEOUT');
}

async function wrongOs(lab: Lab): Promise<void> {
  await lab.go(lab.home);
  const [guest] = lab.guests;
  const right = await torpor(lab, ['lab', 'exec', '--os', lab.home, '--', 'hostname']);
  assert.deepEqual(right, { exit: 0, stdout: `${lab.home}\n`, stderr: '' });
  const refused = async (args: string[], code: Parameters<typeof requireRefusal>[2]) =>
    requireRefusal(args.join(' '), await torpor(lab, ['lab', ...args]), code);
  const { facts } = await refused(['exec', '--os', guest!, '--json', '--', 'true'], 'E_LAB_WRONG_OS');
  assert.deepEqual(facts, { running: lab.home, wanted: guest });
  await refused(['exec', '--os', 'nowhere', '--json', '--', 'true'], 'E_OS_UNKNOWN');
  await refused(['switch', 'nowhere', '--json'], 'E_OS_UNKNOWN');
  await refused(['switch', lab.home, '--json'], 'E_OS_RUNNING');
  assert.equal((await torpor(lab, ['lab', 'switch'])).exit, 2);
  await refused(['up', '--json'], 'E_LAB_RUNNING');
  await refused(['power-on', '--json'], 'E_LAB_RUNNING');
}

async function look(lab: Lab): Promise<void> {
  const [guest] = lab.guests;
  await lab.go(lab.home);
  const there = JSON.parse((await torpor(lab, ['lab', 'switch', guest!, '--json'])).stdout);
  assert.deepEqual([there.from, there.to, there.os], [lab.home, guest, guest]);
  assert.equal(typeof there.emulated, 'boolean');
  assert.ok(there.hostMs >= there.totalMs, JSON.stringify(there));
  const back = await torpor(lab, ['lab', 'switch', lab.home]);
  assert.match(back.stdout, new RegExp(`^${guest} → ${lab.home} in \\d+ ms \\(freeze `));
  const status = JSON.parse((await torpor(lab, ['lab', 'status', '--json'])).stdout);
  assert.deepEqual([status.state, status.running], ['running', lab.home]);
  const states = status.oses.map((os: { name: string; state: string }) => [os.name, os.state]);
  assert.deepEqual(states, [[lab.home, 'running'], ...lab.guests.map((name) => [name, 'parked'])]);
  const picture = join(lab.state.directory, 'screen.png');
  rmSync(picture, { force: true });
  assert.equal((await torpor(lab, ['lab', 'screenshot', picture])).exit, 0);
  assert.ok(existsSync(picture) && readFileSync(picture).subarray(1, 4).toString() === 'PNG');
}
