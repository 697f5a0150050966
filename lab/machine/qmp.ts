import { connect, type Socket } from 'node:net';
import { TorporError } from '../../src/base/errors.ts';

interface QmpEvent {
  readonly event: string;
  readonly data?: unknown;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A client of QEMU's machine protocol: one command at a time in flight is enough for the lab. */
export interface QmpClient {
  /** Runs a QMP command and returns its `return` value. Throws E_LAB_MACHINE. */
  execute(command: string, parameters?: object): Promise<unknown>;
  /** Runs a command of the human monitor (`info registers -a`) and returns its text. */
  monitor(commandLine: string): Promise<string>;
  /** Resolves when QEMU has closed the connection. */
  readonly closed: Promise<void>;
  close(): void;
}

interface QmpOptions {
  /** How long QEMU may take to greet; another client may hold the socket meanwhile. */
  readonly timeoutMs?: number;
  readonly onEvent?: (event: QmpEvent) => void;
}

/** Connects to a QMP socket and leaves negotiation mode. Throws E_LAB_MACHINE, E_TIMEOUT. */
export async function openQmp(path: string, options: QmpOptions = {}): Promise<QmpClient> {
  const socket = connect(path);
  const client = new QmpConnection(socket, path, options.onEvent ?? (() => {}));
  const timeoutMs = options.timeoutMs ?? 10_000;
  const timer = setTimeout(() => {
    client.fail(
      new TorporError('E_TIMEOUT', `QEMU did not answer at ${path}`, {
        facts: { path, timeoutMs },
        hint: 'see `torpor lab status`; another command may hold the monitor',
      }),
    );
  }, timeoutMs);
  try {
    await client.greeted;
    await client.execute('qmp_capabilities');
    return client;
  } catch (error) {
    client.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

class QmpConnection implements QmpClient {
  readonly greeted: Promise<void>;
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #path: string;
  readonly #pending = new Map<number, Pending>();
  readonly #onEvent: (event: QmpEvent) => void;
  #greeting!: Pending;
  #failure: TorporError | null = null;
  #nextId = 1;
  #rest = '';

  constructor(socket: Socket, path: string, onEvent: (event: QmpEvent) => void) {
    this.#socket = socket;
    this.#path = path;
    this.#onEvent = onEvent;
    this.greeted = new Promise((resolve, reject) => {
      this.#greeting = { resolve: () => resolve(), reject };
    });
    this.greeted.catch(() => {});
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#read(text));
    // QEMU resets the connection when it quits; `close` follows every error.
    socket.on('error', (error) => this.fail(this.#gone(error.message)));
    socket.on('close', () => this.fail(this.#gone('the connection was closed')));
  }

  execute(command: string, parameters?: object): Promise<unknown> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#socket.write(`${JSON.stringify({ execute: command, arguments: parameters, id })}\n`);
    });
  }

  async monitor(commandLine: string): Promise<string> {
    const answer = await this.execute('human-monitor-command', { 'command-line': commandLine });
    return String(answer).replaceAll('\r', '');
  }

  close(): void {
    this.#socket.destroy();
  }

  fail(error: TorporError): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#greeting.reject(error);
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines.filter((l) => l.trim() !== '')) this.#receive(line);
  }

  #receive(line: string): void {
    let message: Record<string, unknown>;
    try {
      message = JSON.parse(line);
    } catch {
      this.fail(this.#gone(`it sent “${line.slice(0, 80)}”`));
      return;
    }
    if ('QMP' in message) this.#greeting.resolve(undefined);
    if (typeof message.event === 'string') this.#onEvent({ event: message.event, data: message.data });
    const pending = this.#pending.get(Number(message.id));
    if (pending === undefined) return;
    this.#pending.delete(Number(message.id));
    const refused = message.error as { class?: string; desc?: string } | undefined;
    if (refused === undefined) pending.resolve(message.return);
    else {
      pending.reject(
        new TorporError('E_LAB_MACHINE', `QEMU refused: ${refused.desc}`, {
          facts: { class: refused.class ?? null },
        }),
      );
    }
  }

  #gone(reason: string): TorporError {
    return new TorporError('E_LAB_MACHINE', `the lab machine's monitor is gone: ${reason}`, {
      facts: { path: this.#path },
      hint: 'see `torpor lab status`',
    });
  }
}
