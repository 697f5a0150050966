import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withLock } from './lock.ts';

async function temporaryLock(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'torpor-lock-'));
  t.after(() => rm(directory, { recursive: true }));
  return join(directory, 'lock');
}

/** What a holder would have written, with some of it changed. */
async function leaveLock(path: string, change: Record<string, unknown>): Promise<void> {
  const own = await withLock(path, () => readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...JSON.parse(own), ...change }));
}

test('withLock() lets one in at a time and removes the lock, also when the action fails', async (t) => {
  const path = await temporaryLock(t);
  let inside = 0;
  let most = 0;
  const enter = () =>
    withLock(
      path,
      async () => {
        inside += 1;
        most = Math.max(most, inside);
        await sleep(5);
        inside -= 1;
      },
      { pollMs: 5 },
    );
  await Promise.all(Array.from({ length: 8 }, enter));
  assert.equal(most, 1);
  await assert.rejects(
    withLock(path, () => Promise.reject(new Error('broken'))),
    /broken/,
  );
  assert.deepEqual(await readdir(join(path, '..')), []);
});

for (const [what, change] of [
  ['ended', { pid: 2 ** 22 + 1 }],
  ['gave its id to another', { startTicks: '1' }],
  ['ran before a reboot', { bootId: 'another' }],
] as const) {
  test(`withLock() breaks the lock of a process that ${what}`, async (t) => {
    const path = await temporaryLock(t);
    await leaveLock(path, change);
    let most = 0;
    let inside = 0;
    const enter = () =>
      withLock(
        path,
        async () => {
          most = Math.max(most, ++inside);
          await sleep(5);
          inside -= 1;
        },
        { pollMs: 5 },
      );
    await Promise.all(Array.from({ length: 6 }, enter));
    assert.equal(most, 1);
  });
}

test('withLock() waits for a holder in another pid namespace, says so, and can be aborted', async (t) => {
  const path = await temporaryLock(t);
  await leaveLock(path, { pidNamespace: 'pid:[1]', pid: 7 });
  const steps: string[] = [];
  const stop = new AbortController();
  const report = ({ step }: { step: string }): void => {
    steps.push(step);
    // Several looks later, however long the first one took.
    setTimeout(() => stop.abort(), 60);
  };
  await assert.rejects(withLock(path, async () => {}, { pollMs: 5, report, signal: stop.signal }));
  assert.deepEqual(steps, ['wait for process 7, which builds the same']);
});
