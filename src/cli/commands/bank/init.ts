import { Command } from 'commander';
import { readArchiveKey } from '../../../bank/archive-files.ts';
import type { KeyLock } from '../../../bank/bank-key.ts';
import { TorporError } from '../../../base/errors.ts';
import { completeBankPlace } from '../../../machine/bank-place.ts';
import { createBank, type NewKey } from '../../../machine/create-bank.ts';
import { readPassphrase } from '../../../machine/open-bank.ts';
import { askNewPassphrase } from '../../ask-passphrase.ts';
import { addBankOptions, type BankOptions, bankPlaceOf } from '../../bank-options.ts';
import { print, printJson } from '../../output.ts';
import { readArchiveFile } from './archive-file.ts';

interface Options extends BankOptions {
  passphrase?: boolean;
  recipient?: string[];
  keyFrom?: string;
  workFactor?: string;
  json?: boolean;
}

export function initCommand(): Command {
  return addBankOptions(
    new Command('init')
      .description('make an empty bank; without further options it is not encrypted')
      .option('--passphrase', 'encrypt it for a passphrase: asked for, or from --passphrase-file')
      .option('--recipient <age...>', 'encrypt it for age recipients (age1…)')
      .option('--key-from <archive>', 'give it the key of the bank that an archive was exported from')
      .option('--work-factor <number>', 'how much work it is to try a passphrase: 2^N, default 16'),
  )
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const place = bankPlaceOf(options);
      const key = await readKey(options);
      await createBank(place, key);
      const directory = completeBankPlace(place).directory!;
      if (options.json === true) printJson({ directory, encrypted: key !== null });
      else printMade(directory, key !== null);
    });
}

/** What the new bank is locked for; null for none. Throws E_USAGE, E_FILE. */
async function readKey(options: Options): Promise<NewKey | null> {
  const { recipient, keyFrom, workFactor } = options;
  // Who names a passphrase wants it used.
  const named = options.passphraseFile !== undefined && recipient === undefined && keyFrom === undefined;
  const passphrase = options.passphrase === true || named;
  const ways = [passphrase, recipient !== undefined, keyFrom !== undefined].filter(Boolean).length;
  if (ways > 1) throw usage('--passphrase, --recipient and --key-from exclude each other');
  if (workFactor !== undefined && !passphrase) throw usage('--work-factor goes with --passphrase');
  if (recipient !== undefined) return { lock: { kind: 'recipients', recipients: recipient } };
  if (keyFrom !== undefined) return { keyFile: await readKeyFrom(keyFrom) };
  return passphrase ? { lock: await readPassphraseLock(options) } : null;
}

async function readPassphraseLock({ passphraseFile, workFactor }: Options): Promise<KeyLock> {
  const file = completeBankPlace({ passphraseFile }).passphraseFile;
  if (file === undefined && !process.stdin.isTTY) {
    throw usage(
      'nobody is there to be asked for a passphrase',
      'name a file that holds it with --passphrase-file',
    );
  }
  const passphrase = file === undefined ? await askNewPassphrase() : readPassphrase(file);
  return {
    kind: 'passphrase',
    passphrase,
    ...(workFactor === undefined ? {} : { workFactor: Number(workFactor) }),
  };
}

async function readKeyFrom(path: string): Promise<Uint8Array> {
  const key = await readArchiveKey(readArchiveFile(path));
  if (key !== null) return key;
  throw usage(
    `${path} has no key`,
    'it comes from a bank without encryption, or from another tool: copy torpor/key.age',
  );
}

function printMade(directory: string, encrypted: boolean): void {
  print(`${directory} is an empty ${encrypted ? 'encrypted ' : ''}bank`);
  if (encrypted)
    print('keep a copy of its torpor/key.age elsewhere: without that file nothing in it can be read');
}

function usage(message: string, hint = '`torpor bank init --help` says what each option takes'): TorporError {
  return new TorporError('E_USAGE', message, { hint });
}
