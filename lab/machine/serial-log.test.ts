import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { newDirectory } from './new-directory.fixture.ts';
import { logPosition, tailFile, waitForText } from './serial-log.ts';

const newLog = (): string => join(newDirectory(), 'console.log');

test('waitForText() sees text that comes later and in pieces, not what was there before', async () => {
  const log = newLog();
  writeFileSync(log, 'login: old\n');
  const from = logPosition(log);
  setTimeout(() => appendFileSync(log, 'log'), 10);
  setTimeout(() => appendFileSync(log, 'in: new\n'), 40);
  const match = await waitForText(log, /login: (\w+)\n/, { from, timeoutMs: 5_000, pollMs: 5 });
  assert.equal(match[1], 'new');
});

test('waitForText() waits for a file that is not there yet, and gives up with its last lines', async () => {
  const log = newLog();
  setTimeout(() => writeFileSync(log, 'a\nb\n'), 5);
  await assert.rejects(waitForText(log, /never/, { from: 0, timeoutMs: 50, pollMs: 5 }), (error: Error) => {
    assert.deepEqual((error as Error & { facts: { lastLines: string[] } }).facts.lastLines, ['a', 'b']);
    return true;
  });
});

test('waitForText() ends when `check` throws', async () => {
  const check = (): void => {
    throw new Error('gone');
  };
  await assert.rejects(waitForText(newLog(), /x/, { from: 0, timeoutMs: 5_000, check }), /gone/);
});

test('tailFile() leaves out terminal control sequences and empty lines', () => {
  const log = newLog();
  writeFileSync(log, 'one\r\n\r\n\x1b[46mtwo\x1b[0m\r\n');
  assert.deepEqual(tailFile(log, 5), ['one', 'two']);
  assert.deepEqual(tailFile(`${log}.none`, 5), []);
});
