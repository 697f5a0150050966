import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { asyncFailure } from '../base/errors.fixture.ts';
import { lockHolder, withMachineLock } from './lock.ts';

const root = mkdtempSync(join(tmpdir(), 'torpor-lock-'));
after(() => rmSync(root, { recursive: true }));
let count = 0;
const freshPath = (): string => join(root, `${count++}.lock`);

test('the lock holds this process while the action runs and is gone afterwards', async () => {
  const path = freshPath();
  assert.equal(lockHolder(path), null);
  const result = await withMachineLock(async () => {
    await Promise.resolve();
    assert.equal(lockHolder(path), process.pid);
    return readFileSync(path, 'utf8');
  }, path);
  assert.equal(result, String(process.pid));
  assert.equal(existsSync(path), false);
});

test('the lock is gone after a failure too', async () => {
  const path = freshPath();
  await assert.rejects(
    withMachineLock(() => {
      throw new RangeError('x');
    }, path),
    RangeError,
  );
  assert.equal(existsSync(path), false);
});

test('a second one is E_BUSY and names the process', async () => {
  const path = freshPath();
  await withMachineLock(async () => {
    const { facts } = await asyncFailure(
      'E_BUSY',
      withMachineLock(() => assert.fail('entered'), path),
    );
    assert.equal(facts.pid, process.pid);
    assert.ok(existsSync(path), 'the first one still holds it');
  }, path);
  assert.deepEqual(readdirSync(root), []);
});

test('the lock of another living process is E_BUSY', async () => {
  const path = freshPath();
  writeFileSync(path, '1');
  await asyncFailure(
    'E_BUSY',
    withMachineLock(() => assert.fail('entered'), path),
  );
  rmSync(path);
});

test('a lock that its process has left is taken over', async () => {
  const gone = spawnSync('true').pid;
  for (const content of [String(gone), '', 'x', '-1', '0', '4294967296', '1.5']) {
    const path = freshPath();
    writeFileSync(path, content);
    assert.equal(await withMachineLock(() => 7, path), 7, JSON.stringify(content));
    assert.equal(existsSync(path), false);
  }
});
