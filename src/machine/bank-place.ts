import { existsSync } from 'node:fs';

/** Where a bank is, and what opens it. */
export interface BankPlace {
  readonly directory?: string | undefined;
  readonly passphraseFile?: string | undefined;
  readonly identityFile?: string | undefined;
  /** Asks somebody, when the bank is locked for a passphrase and no file was named. */
  readonly askPassphrase?: (() => Promise<string>) | undefined;
}

const DEFAULT_DIRECTORY = '/var/lib/torpor/bank';
/** What home opens its bank with when another OS asks for a snapshot: nobody is there to be asked. */
const DEFAULT_PASSPHRASE_FILE = '/etc/torpor/bank.passphrase';
const DEFAULT_IDENTITY_FILE = '/etc/torpor/bank.identity';

/** What options leave open is taken from the environment, and then from the usual places. */
export function completeBankPlace(place: BankPlace = {}, environment = process.env): Required<BankPlace> {
  const ifThere = (path: string): string | undefined => (existsSync(path) ? path : undefined);
  return {
    directory: place.directory ?? environment.TORPOR_BANK ?? DEFAULT_DIRECTORY,
    passphraseFile:
      place.passphraseFile ?? environment.TORPOR_BANK_PASSPHRASE_FILE ?? ifThere(DEFAULT_PASSPHRASE_FILE),
    identityFile:
      place.identityFile ?? environment.TORPOR_BANK_IDENTITY_FILE ?? ifThere(DEFAULT_IDENTITY_FILE),
    askPassphrase: place.askPassphrase,
  };
}
