import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import test from 'node:test';
import { asyncFailure } from '../base/errors.fixture.ts';
import { askNewPassphrase, askPassphrase, type PromptTerminal } from './ask-passphrase.ts';

/** A terminal at which somebody types these lines, one each time that it is listened to. */
function terminalWith(...lines: readonly string[]): {
  terminal: PromptTerminal;
  shown: () => string;
  raw: () => boolean;
} {
  const events = new EventEmitter();
  let [shown, raw, next] = ['', false, 0];
  const input = Object.assign(events, {
    setRawMode: (wanted: boolean) => {
      raw = wanted;
    },
    resume: () => {
      const typed = Buffer.from(lines[next]!);
      next += 1;
      // Byte by byte, as a slow terminal gives them.
      for (const byte of typed) events.emit('data', Uint8Array.of(byte));
    },
    pause: () => {},
  });
  const output = {
    write: (text: string) => {
      shown += text;
    },
  };
  return { terminal: { input, output }, shown: () => shown, raw: () => raw };
}

test('a passphrase is read and not shown', async () => {
  const { terminal, shown, raw } = terminalWith('schön\r');
  assert.equal(await askPassphrase('passphrase: ', terminal), 'schön');
  assert.deepEqual([shown(), raw()], ['passphrase: \n', false]);
});

test('slips can be corrected', async () => {
  assert.equal(await askPassphrase('', terminalWith('aäb\x7f\x7fc\n').terminal), 'ac');
  assert.equal(await askPassphrase('', terminalWith('wrong\x15right\n').terminal), 'right');
});

test('breaking off is E_USAGE and leaves the terminal as it was', async () => {
  for (const key of ['\x03', '\x04']) {
    const { terminal, raw } = terminalWith(`secret${key}`);
    const error = await asyncFailure('E_USAGE', askPassphrase('', terminal));
    assert.doesNotMatch(JSON.stringify(error), /secret/);
    assert.equal(raw(), false);
  }
});

test('a new one is asked for twice', async () => {
  assert.equal(await askNewPassphrase(terminalWith('x\r', 'x\r').terminal), 'x');
  await asyncFailure('E_USAGE', askNewPassphrase(terminalWith('x\r', 'y\r').terminal));
});
