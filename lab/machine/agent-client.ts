import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AgentMessage,
  type AgentRequest,
  encodeLine,
  LineDecoder,
  messageSchema,
} from '../../src/agent/protocol.ts';
import type { ErrorCodeName } from '../../src/base/error-codes.ts';
import { ERROR_CODES } from '../../src/base/error-codes.ts';
import { TorporError } from '../../src/base/errors.ts';

/** A request goes out again, with the same id, when it was not acknowledged within this time. */
const RETRY_MS = 2_000;
/** How long another command may keep the port, and how often that is looked at. */
const PATIENCE_MS = 20_000;
const POLL_MS = 100;

export type AgentEvent = Extract<AgentMessage, { event: string }>;
/** A request without its id. */
export type AgentCall = AgentRequest extends infer R
  ? R extends AgentRequest
    ? Omit<R, 'id'>
    : never
  : never;

interface Call {
  readonly line: string;
  readonly what: string;
  acknowledged: boolean;
  /** How often the line went out. */
  sent: number;
  retry: NodeJS.Timeout | undefined;
  onOutput(bytes: Buffer, stream: 1 | 2): void;
  resolve(ok: Record<string, unknown>): void;
  reject(error: TorporError): void;
}

export interface CallOptions {
  readonly timeoutMs: number;
  readonly onOutput?: (bytes: Buffer, stream: 1 | 2) => void;
  /** Called once with the request's id, for `cancel`. */
  readonly onId?: (id: number) => void;
  /** Aborted: forget the request, its answer is of no interest any more. */
  readonly signal?: AbortSignal;
}

/**
 * The wire to the agent of whatever OS runs now. The lab's OSes share one serial port, so a request
 * reaches the OS that runs when it arrives, and answers and events come from there.
 */
export class AgentClient {
  readonly #socket: Socket;
  readonly #retryMs: number;
  readonly #decoder = new LineDecoder();
  readonly #calls = new Map<number, Call>();
  readonly #listeners = new Set<(event: AgentEvent) => void>();
  /** Ids are unique among host processes: agents carry out an id once. */
  #nextId = randomInt(1, 2 ** 40) * 1024;
  #failure: TorporError | null = null;

  constructor(socket: Socket, retryMs = RETRY_MS) {
    this.#retryMs = retryMs;
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      for (const value of this.#decoder.push(text)) this.#receive(value);
    });
    socket.on('error', (error) => this.#fail(error.message));
    socket.on('close', () => this.#fail('the connection was closed'));
  }

  /** Sends a request and waits for its result. Throws what the agent reports, E_TIMEOUT, E_LAB_MACHINE. */
  call(request: AgentCall, options: CallOptions): Promise<Record<string, unknown>> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const id = this.#nextId;
    this.#nextId += 1;
    options.onId?.(id);
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        clearTimeout(call.retry);
        this.#calls.delete(id);
        this.#sendNext();
      };
      const call: Call = {
        line: encodeLine({ ...request, id } as AgentRequest),
        what: request.op,
        acknowledged: false,
        sent: 0,
        retry: undefined,
        onOutput: options.onOutput ?? (() => {}),
        resolve: (ok) => {
          end();
          resolve(ok);
        },
        reject: (error) => {
          end();
          reject(error);
        },
      };
      const timer = setTimeout(() => call.reject(noAnswer(call, options.timeoutMs)), options.timeoutMs);
      options.signal?.addEventListener('abort', () => call.reject(noAnswer(call, 0)), { once: true });
      this.#calls.set(id, call);
      this.#sendNext();
    });
  }

  /** Calls `listener` with each event until the returned function is called. */
  onEvent(listener: (event: AgentEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#fail('it was closed');
    this.#socket.destroy();
  }

  /**
   * Sends the oldest request that is not acknowledged; the others wait. A kernel drops what comes
   * faster than its agent reads (64 KiB, drivers/tty/tty_buffer.c), and repeats would only add to it.
   */
  #sendNext(): void {
    const call = this.#calls.values().find((each) => !each.acknowledged);
    if (call === undefined || call.sent > 0 || this.#failure !== null) return;
    this.#send(call);
  }

  #send(call: Call): void {
    // A leading newline ends whatever half line a switch has left in the reader.
    this.#socket.write(call.sent === 0 ? call.line : `\n${call.line}`);
    call.sent += 1;
    call.retry = setTimeout(() => this.#send(call), this.#retryMs);
  }

  #receive(value: unknown): void {
    const parsed = messageSchema.safeParse(value);
    if (!parsed.success) return;
    const message = parsed.data;
    if ('event' in message) {
      for (const listener of this.#listeners) listener(message);
      return;
    }
    const call = this.#calls.get(message.id);
    if (call === undefined) return;
    // Any answer shows that the request was received, whatever became of the acknowledgement.
    call.acknowledged = true;
    clearTimeout(call.retry);
    this.#sendNext();
    if ('out' in message) call.onOutput(Buffer.from(message.out, 'base64'), message.stream);
    else if ('error' in message) call.reject(errorFromWire(message.error));
    else if ('ok' in message) call.resolve(message.ok);
  }

  #fail(reason: string): void {
    if (this.#failure !== null) return;
    this.#failure = new TorporError(
      'E_LAB_MACHINE',
      `the line to the lab machine's agent is gone: ${reason}`,
      {
        hint: 'see `torpor lab status`',
      },
    );
    for (const call of [...this.#calls.values()]) call.reject(this.#failure);
  }
}

/**
 * Connects to the agent port of the machine, which one client at a time can have. Throws
 * E_LAB_MACHINE, and E_LAB_BUSY when another process keeps it for longer than `patienceMs`.
 */
export async function openAgent(
  path: string,
  { retryMs = RETRY_MS, patienceMs = PATIENCE_MS } = {},
): Promise<AgentClient> {
  const deadline = performance.now() + patienceMs;
  while (await isTaken(path)) {
    if (performance.now() > deadline) {
      throw new TorporError('E_LAB_BUSY', 'another process talks to the lab machine', {
        facts: { path },
        hint: 'wait for the other `torpor lab` command, or end it',
      });
    }
    await sleep(POLL_MS);
  }
  return await connectAgent(path, retryMs);
}

/** /proc/net/unix: the socket that QEMU accepted from a client has the path and state 3, connected. */
async function isTaken(path: string): Promise<boolean> {
  const sockets = await readFile('/proc/net/unix', 'utf8');
  return sockets.split('\n').some((line) => line.endsWith(` ${path}`) && line.split(/\s+/)[5] === '03');
}

function connectAgent(path: string, retryMs: number): Promise<AgentClient> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(new AgentClient(socket, retryMs));
    });
    socket.once('error', (cause) => {
      const message = `the lab machine's agent port cannot be opened: ${cause.message}`;
      reject(
        new TorporError('E_LAB_MACHINE', message, {
          facts: { path },
          hint: 'see `torpor lab status`',
          cause,
        }),
      );
    });
  });
}

function noAnswer(call: Call, timeoutMs: number): TorporError {
  const seconds = timeoutMs / 1000;
  return new TorporError('E_TIMEOUT', `the lab machine did not answer “${call.what}” within ${seconds} s`, {
    facts: { op: call.what, timeoutMs, acknowledged: call.acknowledged, sent: call.sent },
    hint: 'look at its screen with `torpor lab console`, or keep evidence with `torpor lab status --evidence DIR`',
  });
}

/** An error that an OS of the lab reported, with its own code, facts and hint. */
export function errorFromWire(wire: Extract<AgentMessage, { error: object }>['error']): TorporError {
  const known = Object.hasOwn(ERROR_CODES, wire.code);
  return new TorporError(known ? (wire.code as ErrorCodeName) : 'E_LAB_COMMAND', wire.message, {
    facts: known ? wire.facts : { ...wire.facts, code: wire.code },
    ...(wire.hint === null ? {} : { hint: wire.hint }),
  });
}
