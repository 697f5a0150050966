import { TorporError } from '../base/errors.ts';

/** The parts of the terminal that a prompt needs. */
export interface PromptTerminal {
  readonly input: {
    setRawMode(raw: boolean): unknown;
    resume(): unknown;
    pause(): unknown;
    on(event: 'data', listener: (bytes: Uint8Array) => void): unknown;
    off(event: 'data', listener: (bytes: Uint8Array) => void): unknown;
  };
  readonly output: { write(text: string): unknown };
}

const CONTROL = { c: '\x03', d: '\x04', u: '\x15' } as const;

/** Reads a line from the terminal without showing it. Throws E_USAGE when it is broken off with ctrl-c or ctrl-d. */
export async function askPassphrase(
  question: string,
  { input, output }: PromptTerminal = { input: process.stdin, output: process.stderr },
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const decoder = new TextDecoder();
  let text = '';
  const onData = (bytes: Uint8Array): void => {
    for (const character of decoder.decode(bytes, { stream: true })) {
      if (character === '\r' || character === '\n') resolve(text);
      else if (character === CONTROL.c || character === CONTROL.d) reject(brokenOff());
      else if (character === '\x7f' || character === '\b') text = [...text].slice(0, -1).join('');
      else if (character === CONTROL.u) text = '';
      else text += character;
    }
  };
  output.write(question);
  input.setRawMode(true);
  input.on('data', onData);
  input.resume();
  try {
    return await promise;
  } finally {
    input.off('data', onData);
    input.pause();
    input.setRawMode(false);
    output.write('\n');
  }
}

/** Asks twice, so that nobody locks himself out with a slip. Throws E_USAGE when the two differ. */
export async function askNewPassphrase(terminal?: PromptTerminal): Promise<string> {
  const first = await askPassphrase('passphrase for the new bank: ', terminal);
  if ((await askPassphrase('the same again: ', terminal)) === first) return first;
  throw new TorporError('E_USAGE', 'the two passphrases differ', { hint: 'try again' });
}

function brokenOff(): TorporError {
  return new TorporError('E_USAGE', 'no passphrase was given', {
    hint: 'name a file that holds it with --passphrase-file',
  });
}
