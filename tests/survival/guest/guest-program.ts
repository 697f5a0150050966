/** Values that the host compares: equal ones stay, `ticks` grows. */
export type GuestFacts = Readonly<Record<string, string | number>>;

export interface GuestTools {
  /** Random, given once; whoever still knows it is the same process. */
  readonly nonce: string;
  /** A directory in RAM for this program alone. */
  readonly directory: string;
}

/**
 * A program that runs inside an OS, in the Node of the tool disk; several share one process,
 * because an OS may have little memory. It may use nothing but Node and src/sys/native.ts.
 */
export interface GuestProgram {
  readonly id: string;
  /** What it holds, in a sentence. */
  readonly doc: string;
  /** Starts it. The function that comes back looks at everything and throws when something is wrong. */
  start(tools: GuestTools): Promise<() => Promise<GuestFacts>>;
}

/** Throws unless the two are the same. */
export function requireEqual(what: string, wanted: unknown, found: unknown): void {
  if (wanted === found) return;
  throw new Error(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
}

/** Resolves with the promise, or fails when it takes too long. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
