import { ERROR_CODES, type ErrorCodeName } from './error-codes.ts';
import { EXIT_STATUS } from './exit-status.ts';

/** A value that an error carries: printed in the text and, unchanged, with `--json`. */
export type Fact = string | number | boolean | readonly string[] | null;

interface TorporErrorOptions {
  readonly facts?: Readonly<Record<string, Fact>>;
  /** What to do next, naming the command or setting. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** An error that a user can meet: a code from a closed set, typed facts, one hint. */
export class TorporError extends Error {
  readonly code: ErrorCodeName;
  readonly facts: Readonly<Record<string, Fact>>;
  readonly hint: string | undefined;

  constructor(code: ErrorCodeName, message: string, options: TorporErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'TorporError';
    this.code = code;
    this.facts = options.facts ?? {};
    this.hint = options.hint;
  }

  /** The exit status of a command that ends with this error. */
  get exitStatus(): number {
    return EXIT_STATUS[ERROR_CODES[this.code].exit];
  }

  /** The same facts as the text, for `--json`. */
  toJSON(): object {
    return { code: this.code, message: this.message, facts: this.facts, hint: this.hint ?? null };
  }
}
