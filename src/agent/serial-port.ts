import { spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';
import { TorporError } from '../base/errors.ts';

/** A serial line in raw mode. */
export interface SerialPort {
  onData(listener: (chunk: string) => void): void;
  /** Resolves when the bytes have been handed to the driver. */
  write(text: string): Promise<void>;
}

/** Opens a serial device at 115200 baud, eight bits, no echo. Throws E_FILE. */
export function openSerialPort(path: string): SerialPort {
  const stty = spawnSync('stty', [
    '-F',
    path,
    '115200',
    'cs8',
    'raw',
    '-echo',
    '-ixon',
    'clocal',
    '-crtscts',
  ]);
  if (stty.status !== 0) {
    const why = stty.error?.message ?? stty.stderr.toString().trim();
    throw new TorporError('E_FILE', `cannot use ${path} as a serial line: ${why}`, {
      facts: { path },
      hint: 'name a serial device such as /dev/ttyS1',
    });
  }
  const input = new ReadStream(openSync(path, 'r'));
  const output = new WriteStream(openSync(path, 'w'));
  input.setEncoding('latin1');
  return {
    onData: (listener) => {
      input.on('data', (chunk: string | Buffer) => listener(String(chunk)));
    },
    write: (text) =>
      new Promise((resolve, reject) => {
        output.write(text, 'latin1', (error) => (error ? reject(error) : resolve()));
      }),
  };
}
