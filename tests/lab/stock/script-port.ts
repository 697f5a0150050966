import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a script came to. */
export interface ScriptResult {
  readonly status: number;
  readonly output: string;
}

/** A script that was handed over. */
export interface BegunScript {
  readonly id: string;
  readonly result: Promise<ScriptResult>;
}

/** Who waits for an answer. */
interface Waiting {
  readonly resolve: (result: ScriptResult) => void;
  readonly reject: (error: Error) => void;
}

/** Tries to connect, 100 ms apart. */
const MAX_TRIES = 100;

/**
 * The serial port of a machine whose systems run scripts: `ID BASE64` a line, answered by `ID STATUS BASE64` (init,
 * overlay). It outlives the machine's starts, because an answer may come from a system that was restored to the middle
 * of a script.
 */
export class ScriptPort {
  #socket: Socket | null = null;
  #next = 0;
  readonly #waiting = new Map<string, Waiting>();

  /** To a machine that was started. */
  async connect(path: string): Promise<void> {
    this.#socket = await connectLater(path);
    createInterface({ input: this.#socket }).on('line', (line) => this.#accept(line));
  }

  /** Hands a script over. */
  begin(script: string, timeoutMs: number): BegunScript {
    const id = `s${this.#next++}`;
    const late = `script ${id} did not end in ${timeoutMs / 60_000} min: ${script}`;
    const result = withDeadline(this.answerOf(id), timeoutMs, late);
    // Of a script that leaves the system nobody may wait.
    result.catch(() => {});
    this.#socket!.write(`${id} ${Buffer.from(script).toString('base64')}\n`);
    return { id, result };
  }

  /** The next answer with that id. A system that has started says `up`. */
  answerOf(id: string): Promise<ScriptResult> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /** The machine has ended by itself: nobody answers any more. */
  giveUp(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(new Error('the machine ended'));
  }

  /** The machine was ended: who waits does so in vain, and knows it. */
  disconnect(): void {
    this.#socket?.destroy();
    this.#waiting.clear();
  }

  #accept(line: string): void {
    const [id = '', status = '', output = ''] = line.trim().split(' ');
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.resolve({
      status: Number(status),
      output: Buffer.from(output, 'base64').toString('utf8').trim(),
    });
  }
}

async function connectLater(path: string): Promise<Socket> {
  for (let tries = 0; ; tries += 1) {
    const socket = connect(path);
    const failure = await new Promise<Error | null>((resolve) => {
      socket.once('connect', () => resolve(null));
      socket.once('error', resolve);
    });
    if (failure === null) {
      socket.on('error', () => {});
      return socket;
    }
    if (tries === MAX_TRIES) throw failure;
    await sleep(100);
  }
}

/** Throws an error with that text when it takes longer. */
export async function withDeadline<T>(promise: Promise<T>, ms: number, late: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(late)), ms);
    // The machine itself keeps this process alive.
    timer.unref();
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
