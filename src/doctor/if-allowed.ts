import { TorporError } from '../base/errors.ts';
import type { Sys } from '../sys/sys.ts';

/** A text file, or null when it does not exist or may not be read. */
export function readIfAllowed(sys: Sys, path: string): string | null {
  return orNull(() => sys.readTextFile(path));
}

/** The result of `action`, or null when the kernel refuses it. */
export function orNull<T>(action: () => T): T | null {
  try {
    return action();
  } catch (cause) {
    if (cause instanceof TorporError) return null;
    throw cause;
  }
}
