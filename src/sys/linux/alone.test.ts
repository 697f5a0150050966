import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { failure } from '../../base/errors.fixture.ts';
import { ALONE_FLAGS, runAlone } from './alone.ts';

const ALONE = new URL('alone.ts', import.meta.url).href;
const REPOSITORY = join(import.meta.dirname, '../../..');

/** Runs a script as a program that may freeze. */
function run(script: string): { readonly stdout: string; readonly signal: string | null } {
  const text = `import { runAlone } from ${JSON.stringify(ALONE)};\n${script}`;
  const args = [
    '--disable-warning=ExperimentalWarning',
    ...ALONE_FLAGS,
    '--input-type=module',
    '--eval',
    text,
  ];
  const { stdout, signal } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return { stdout, signal };
}

test('a Node with helpers is refused', () => {
  const { facts } = failure('E_USAGE', () => runAlone(() => assert.fail('it ran')));
  assert.deepEqual(facts.missing, ALONE_FLAGS);
});

test('a signal waits until all is done, and has its effect then', () => {
  const { stdout, signal } = run(`
    runAlone(() => {
      process.kill(process.pid, 'SIGTERM');
      const until = Date.now() + 100;
      while (Date.now() < until);
      console.log('done');
    });
    setTimeout(() => console.log('goes on'), 2000);`);
  assert.deepEqual([stdout, signal], ['done\n', 'SIGTERM']);
});

test('without a signal the program goes on, and ends by itself', () => {
  const { stdout, signal } = run(`console.log(runAlone(() => 3));`);
  assert.deepEqual([stdout, signal], ['3\n', null]);
});

test('files are opened and modules loaded as before when it is over', () => {
  const { stdout } = run(`
    import { openSync, readSync } from 'node:fs';
    import { open } from 'node:fs/promises';
    runAlone(() => {});
    const fd = openSync('/proc/self/comm');
    const file = await open('/etc/passwd');
    const text = (await file.read()).buffer.toString();
    await file.close();
    await import('node:readline/promises');
    console.log(text.includes('root'), readSync(fd, Buffer.alloc(9)) > 0);`);
  assert.equal(stdout, 'true true\n');
});

test('meanwhile nothing is compiled to run faster; afterwards it is', () => {
  const { stdout } = run(`
    import { setFlagsFromString } from 'node:v8';
    setFlagsFromString('--trace-opt');
    const sum = (most) => { let all = 0; for (let n = 0; n < most; n += 1) all += n % 7; return all; };
    const later = (most) => { let all = 0; for (let n = 0; n < most; n += 1) all += n % 7; return all; };
    runAlone(() => { for (let turn = 0; turn < 30; turn += 1) sum(100_000); });
    for (let turn = 0; turn < 30; turn += 1) later(100_000);`);
  assert.match(stdout, /compiling .*JSFunction later /);
  assert.doesNotMatch(stdout, /compiling .*JSFunction sum /);
});

test('what starts the program gives Node these options', () => {
  for (const path of ['bin/guard', 'boot/copy-program'])
    assert.ok(readFileSync(join(REPOSITORY, path), 'utf8').includes(ALONE_FLAGS.join(' ')), path);
});
