import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TorporError } from '../../src/base/errors.ts';
import { renderCommandLine } from './command-line.ts';
import { runProcess } from './run-process.ts';

/** A zombie has ended too: nobody in particular reaps an orphan. */
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function goneSoon(pid: number): Promise<boolean> {
  for (let i = 0; i < 100 && isAlive(pid); i += 1) await sleep(20);
  return !isAlive(pid);
}

test('runProcess() gives both outputs and every line', async () => {
  const lines: string[] = [];
  const onLine = (line: string, stream: string): void => void lines.push(`${stream}:${line}`);
  const result = await runProcess('sh', ['-c', 'echo one; printf two; cat; echo bad >&2'], {
    input: '!',
    onLine,
  });
  assert.deepEqual(result, { stdout: 'one\ntwo!', stderr: 'bad\n', exitCode: 0 });
  assert.deepEqual(lines.toSorted(), ['stderr:bad', 'stdout:one', 'stdout:two!']);
});

test('runProcess() throws E_LAB_BUILD with the last lines and a command line that replays', async () => {
  const env = { WORD: "it's" };
  const run = runProcess('sh', ['-c', 'seq 30; echo "$WORD"; exit 3'], { cwd: '/', env });
  const error = await run.catch((e: unknown) => e);
  assert.ok(error instanceof TorporError);
  assert.equal(error.code, 'E_LAB_BUILD');
  assert.equal(error.facts.exitCode, 3);
  assert.equal((error.facts.lastLines as string[]).length, 20);
  assert.equal((error.facts.lastLines as string[]).at(-1), "it's");
  const replay = spawnSync('sh', ['-c', String(error.facts.commandLine)], { encoding: 'utf8' });
  assert.equal(replay.status, 3);
  assert.match(replay.stdout, /it's\n$/);
});

test('runProcess() accepts the exit codes that it is told', async () => {
  assert.equal((await runProcess('false', [], { accept: [0, 1] })).exitCode, 1);
});

test('runProcess() throws E_LAB_MISSING when there is no such program', async () => {
  await assert.rejects(runProcess('torpor-no-such-program', []), { code: 'E_LAB_MISSING' });
});

test('runProcess() ends the whole process group when it is aborted', async () => {
  const abort = new AbortController();
  let grandchild = 0;
  const run = runProcess('sh', ['-c', 'sleep 60 & echo $!; wait'], {
    signal: abort.signal,
    onLine: (line) => {
      grandchild = Number(line);
      abort.abort();
    },
  });
  await assert.rejects(run, { name: 'AbortError' });
  assert.ok(await goneSoon(grandchild));
});

test('runProcess() leaves nothing behind when this process is ended by a signal', async () => {
  const module = JSON.stringify(new URL('./run-process.ts', import.meta.url).href);
  const script = `import { runProcess } from ${module};
    await runProcess('sh', ['-c', 'sleep 60 & echo $!; wait'], { onLine: (line) => {
      console.log(line);
      process.kill(process.pid, 'SIGTERM');
    } });`;
  const owner = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
    encoding: 'utf8',
  });
  assert.equal(owner.status, 128 + 15);
  assert.ok(await goneSoon(Number(owner.stdout)));
});

test('renderCommandLine() quotes what a shell would change', () => {
  const env = { A: 'x y', B: undefined };
  const line = renderCommandLine({ command: 'make', args: ['-j2', 'a b'], cwd: '/tmp/x y', env });
  assert.equal(line, "cd '/tmp/x y' && env -u B A='x y' make -j2 'a b'");
});
