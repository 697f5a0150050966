import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { INPUT_CHUNK_BYTES } from '../../src/agent/protocol.ts';
import { TorporError } from '../../src/base/errors.ts';
import { type SwitchReport, switchReportSchema } from '../../src/engine/resident/switch-report.ts';
import type { AgentClient } from './agent-client.ts';

/** A lost `arrived` is asked for after this time. */
const ARRIVAL_POLL_MS = 5_000;

const pongSchema = z.looseObject({
  os: z.string(),
  bootId: z.string(),
  /** The last arrival in this OS, so that a lost event loses nothing. */
  lastSwitch: switchReportSchema.nullish(),
  /** Ids of the programs that run for the host. */
  running: z.array(z.int()).default([]),
});
export type Pong = z.infer<typeof pongSchema>;

const exitSchema = z.looseObject({
  exit: z.int().nullable(),
  signal: z.string().nullish(),
  /** How much the program wrote: tells whether the serial line lost some of it. */
  outBytes: z.int().nullish(),
  errBytes: z.int().nullish(),
});

export interface ExecResult {
  /** The program's exit status; 128 + the signal's number when a signal ended it, as in a shell. */
  readonly exit: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export interface ExecOptions {
  readonly timeoutMs?: number;
  /** Of any length; read while the program runs. */
  readonly stdin?: Uint8Array | AsyncIterable<Uint8Array>;
  /** Gets the output as it comes. */
  readonly onOutput?: (bytes: Buffer, stream: 1 | 2) => void;
  readonly signal?: AbortSignal;
  /** Aborted: the program goes on, its end is of no interest any more. */
  readonly forget?: AbortSignal;
  /** Called once with the request's id. */
  readonly onId?: (id: number) => void;
}

/** Asks the running OS who it is. */
export async function pingAgent(agent: AgentClient, timeoutMs = 10_000): Promise<Pong> {
  return parseAnswer(pongSchema, await agent.call({ op: 'ping' }, { timeoutMs }), 'ping');
}

/** Runs a program as root in the running OS and waits for its end. Throws E_TIMEOUT, E_LAB_COMMAND. */
export async function execInOs(
  agent: AgentClient,
  argv: readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult> {
  const output: Record<1 | 2, Buffer[]> = { 1: [], 2: [] };
  const timeoutMs = options.timeoutMs ?? 600_000;
  const started = performance.now();
  let id = 0;
  const running = agent.call(
    { op: 'exec', argv: [...argv], timeoutMs, ...(options.stdin === undefined ? {} : { input: true }) },
    {
      // The agent ends the program in time and says so; this is for an agent that is gone.
      timeoutMs: timeoutMs + 15_000,
      onOutput: (bytes, stream) => {
        output[stream].push(bytes);
        options.onOutput?.(bytes, stream);
      },
      onId: (given) => {
        id = given;
        options.onId?.(given);
      },
      ...(options.forget === undefined ? {} : { signal: options.forget }),
    },
  );
  options.signal?.addEventListener('abort', () => {
    agent.call({ op: 'cancel', of: id }, { timeoutMs: 5_000 }).catch(() => {});
  });
  const over = new AbortController();
  if (options.stdin !== undefined) {
    const feeding = feedInput(agent, id, options.stdin, { timeoutMs, signal: over.signal });
    // Its failure is that of the program's own call.
    feeding.catch(() => {});
  }
  const ended = parseAnswer(exitSchema, await running.finally(() => over.abort()), 'exec');
  if (ended.exit === null && performance.now() - started >= timeoutMs) throw tookTooLong(argv, timeoutMs);
  const result = { stdout: Buffer.concat(output[1]), stderr: Buffer.concat(output[2]) };
  checkWhole(result.stdout.length, ended.outBytes);
  checkWhole(result.stderr.length, ended.errBytes);
  return { exit: ended.exit ?? 128 + signalNumber(ended.signal), ...result };
}

/** One piece after the other, each when the one before has been taken. */
async function feedInput(
  agent: AgentClient,
  of: number,
  stdin: NonNullable<ExecOptions['stdin']>,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const send = async (bytes: Uint8Array, end: boolean): Promise<void> => {
    if (options.signal.aborted) return;
    await agent.call({ op: 'input', of, data: Buffer.from(bytes).toString('base64'), end }, options);
  };
  for await (const chunk of stdin instanceof Uint8Array ? [stdin] : stdin) {
    for (let at = 0; at < chunk.length; at += INPUT_CHUNK_BYTES) {
      await send(chunk.subarray(at, at + INPUT_CHUNK_BYTES), false);
    }
  }
  await send(new Uint8Array(), true);
}

function signalNumber(name: string | null | undefined): number {
  return constants.signals[name as NodeJS.Signals] ?? 0;
}

function tookTooLong(argv: readonly string[], timeoutMs: number): TorporError {
  return new TorporError('E_TIMEOUT', `“${argv.join(' ')}” was ended after ${timeoutMs / 1000} s`, {
    facts: { argv, timeoutMs },
    hint: 'give it longer with --timeout SECONDS',
  });
}

function checkWhole(gotBytes: number, sentBytes: number | null | undefined): void {
  if (sentBytes === null || sentBytes === undefined || sentBytes === gotBytes) return;
  throw new TorporError(
    'E_LAB_COMMAND',
    `the serial line lost output: ${gotBytes} of ${sentBytes} bytes came`,
    {
      facts: { gotBytes, sentBytes },
      hint: 'run the command again; the program itself ended',
    },
  );
}

export interface SwitchOptions {
  readonly timeoutMs?: number;
  /** How long to wait for an arrival before asking who runs. */
  readonly pollMs?: number;
}

export interface SwitchResult {
  readonly os: string;
  /** Null when the arrival was seen only by asking, and the OS does not tell its last switch. */
  readonly report: SwitchReport | null;
  /** From the request on the host to the arrival on the host. */
  readonly hostMs: number;
}

/**
 * Asks the running OS to switch to `target` and waits until `target` answers. The leaving OS
 * answers only when it refuses. Throws its error, E_OS_RUNNING, or E_TIMEOUT.
 */
export async function switchOs(
  agent: AgentClient,
  target: string,
  options: SwitchOptions = {},
): Promise<SwitchResult> {
  const { timeoutMs = 120_000, pollMs = ARRIVAL_POLL_MS } = options;
  if ((await pingAgent(agent)).os === target) {
    throw new TorporError('E_OS_RUNNING', `“${target}” runs already`, { facts: { name: target } });
  }
  const started = performance.now();
  const stop = new AbortController();
  let unsubscribe = (): void => {};
  const arrived = new Promise<SwitchReport>((resolve) => {
    unsubscribe = agent.onEvent((event) => {
      if (event.event === 'arrived' && event.os === target) resolve(event.report);
    });
  });
  const never = new Promise<never>(() => {});
  const refused = agent.call({ op: 'switch', target }, { timeoutMs, signal: stop.signal }).then(
    () => never,
    (error) => {
      // The request, sent again, met the target itself: `arrived` or a poll will tell.
      if (error instanceof TorporError && error.code === 'E_OS_RUNNING') return never;
      throw error;
    },
  );
  refused.catch(() => {});
  try {
    const report = await Promise.race([arrived, refused, pollArrival(agent, target, pollMs, stop.signal)]);
    return { os: target, report, hostMs: performance.now() - started };
  } finally {
    stop.abort();
    unsubscribe();
  }
}

/** Asks now and then who runs: a fallback for an `arrived` that the serial line lost. */
async function pollArrival(
  agent: AgentClient,
  target: string,
  pollMs: number,
  signal: AbortSignal,
): Promise<SwitchReport | null> {
  for (;;) {
    await sleep(pollMs, undefined, { signal }).catch(() => new Promise<never>(() => {}));
    const pong = await pingAgent(agent, pollMs).catch(() => null);
    if (pong?.os === target) return pong.lastSwitch ?? null;
  }
}

function parseAnswer<T>(schema: z.ZodType<T>, answer: unknown, op: string): T {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new TorporError('E_LAB_MACHINE', `the agent's answer to “${op}” is malformed`, {
    facts: { answer: JSON.stringify(answer).slice(0, 200) },
    hint: 'the OS may have another version of Torpor; make a new lab with `torpor lab up`',
    cause: parsed.error,
  });
}
