import type { Command } from 'commander';
import { TorporError } from '../base/errors.ts';
import type { BankPlace } from '../machine/bank-place.ts';
import { askPassphrase } from './ask-passphrase.ts';

/** Options of every command that opens the bank. */
export interface BankOptions {
  bank?: string;
  passphraseFile?: string;
  identity?: string;
}

export function addBankOptions(command: Command): Command {
  return command
    .option('--bank <directory>', 'the bank (TORPOR_BANK; else /var/lib/torpor/bank)')
    .option('--passphrase-file <file>', 'its passphrase (TORPOR_BANK_PASSPHRASE_FILE)')
    .option('--identity <file>', 'an age identity that opens it (TORPOR_BANK_IDENTITY_FILE)');
}

export function bankPlaceOf(options: BankOptions): BankPlace {
  return {
    directory: options.bank,
    passphraseFile: options.passphraseFile,
    identityFile: options.identity,
    // Nobody is there to be asked when the input is a pipe.
    askPassphrase: process.stdin.isTTY ? () => askPassphrase('passphrase of the bank: ') : undefined,
  };
}

/** In an OS that is not home these options would name files of the wrong system. Throws E_USAGE. */
export function refuseBankOptions(options: BankOptions): void {
  const given = [
    ['--bank', options.bank],
    ['--passphrase-file', options.passphraseFile],
    ['--identity', options.identity],
  ].find(([, value]) => value !== undefined);
  if (given === undefined) return;
  throw new TorporError('E_USAGE', `${given[0]} cannot be given here: the bank is home's`, {
    hint: 'home opens its own bank for other OSes, with the key files in its /etc/torpor',
  });
}
