import type { GuestOs, OsKind } from './guest-os.ts';

/**
 * What is known of a program between its phases. Plain values: a test can keep them beside a
 * snapshot and verify against what was true when it was taken.
 */
export type Facts = Readonly<Record<string, string | number>>;

/**
 * A real program that holds something which only RAM holds, and the proof that it went on: it is
 * *restored* when the same process, with the same nonce, has gone further than before. A rebooted
 * OS has neither.
 */
export interface SurvivalProgram {
  readonly id: string;
  /** What it holds, in a sentence. */
  readonly doc: string;
  /** Kinds of OS that have what it needs. */
  readonly needs: readonly OsKind[];
  /** One end of it is outside the machine: a restore brings back the other one only. */
  readonly isReachedFromOutside?: true;
  /** Starts the program and returns what must still be true later. */
  prepare(os: GuestOs): Promise<Facts>;
  /** Checks all of it, has the program go on a bit, and returns what must be true from now on. */
  verify(os: GuestOs, facts: Facts): Promise<Facts>;
  /** Ends the program in order and checks what it leaves behind; not every program needs it. */
  finish?(os: GuestOs, facts: Facts): Promise<void>;
}

export const ANY_OS: readonly OsKind[] = ['busybox', 'debian12', 'debian13'];
export const DEBIAN: readonly OsKind[] = ['debian12', 'debian13'];

/** A program did not go on as it must. The message says what is wrong in which OS. */
export class SurvivalError extends Error {}

/** Throws unless `after` is more than `before`. */
export function requireGrown(what: string, before: number, after: number): void {
  if (after > before) return;
  throw new SurvivalError(`${what} did not go on: ${before} before, ${after} now`);
}

/** Throws unless both are the same. */
export function requireSame(what: string, before: string | number, after: string | number): void {
  if (after === before) return;
  throw new SurvivalError(`${what} is not the same: ${before} before, ${after} now`);
}
