import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { TorporError } from '../base/errors.ts';
import { lockHolder, withMachineLock } from '../machine/lock.ts';
import { readLastSwitch } from '../machine/status.ts';
import { planSwitch } from '../machine/switch-os.ts';
import { bootId } from '../machine/this-os.ts';
import { switchTo } from '../machine/travel.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';
import type { Sys } from '../sys/sys.ts';
import { runProgram } from './exec.ts';
import { type AgentMessage, type AgentRequest, encodeLine, LineDecoder, requestSchema } from './protocol.ts';
import type { SerialPort } from './serial-port.ts';

/** How often it is looked whether another program of this OS has switched. */
const POLL_MS = 50;
/** Requests that are remembered, so that a repeated one is not carried out twice. */
const REMEMBERED_REQUESTS = 64;

/** A program that runs for the other end. */
interface Running {
  readonly input: PassThrough;
  /** Settles when the program has ended. */
  readonly over: Promise<unknown>;
  readonly abort: AbortController;
}

/** Serves one serial line: runs programs and switches OSes for whoever sits at its other end. */
export class Agent {
  readonly #sys: Sys;
  readonly #switchboard: Switchboard;
  readonly #port: SerialPort;
  readonly #seen: number[] = [];
  readonly #running = new Map<number, Running>();
  /** Sequence of the last arrival that was told; an agent that has just started tells the last one. */
  #announced = 0;

  constructor(sys: Sys, switchboard: Switchboard, port: SerialPort) {
    this.#sys = sys;
    this.#switchboard = switchboard;
    this.#port = port;
  }

  async start(): Promise<void> {
    const decoder = new LineDecoder();
    this.#port.onData((chunk) => {
      for (const value of decoder.push(chunk)) {
        const request = requestSchema.safeParse(value);
        if (request.success) void this.#accept(request.data);
      }
    });
    // The open port keeps the process alive, not the timer. A switchboard that cannot be read just now
    // is looked at again.
    setInterval(() => void this.#announceArrival().catch(() => {}), POLL_MS).unref();
    await this.#send({ event: 'up', ...this.#identity() });
  }

  #identity(): { os: string; bootId: string } {
    return { os: this.#switchboard.running().name, bootId: bootId(this.#sys) };
  }

  async #accept(request: AgentRequest): Promise<void> {
    const { id } = request;
    const isNew = !this.#seen.includes(id);
    if (isNew) {
      this.#seen.push(id);
      if (this.#seen.length > REMEMBERED_REQUESTS) this.#seen.shift();
      // Before the acknowledgement: the first piece of its input may follow at once.
      if (request.op === 'exec') this.#running.set(id, prepareRun());
    }
    await this.#send({ id, ack: true });
    if (!isNew) return;
    try {
      await this.#carryOut(request);
    } catch (error) {
      const known = error instanceof TorporError ? error : new TorporError('E_USAGE', String(error));
      const { code, message, facts, hint } = known;
      await this.#send({ id, error: { code, message, facts: { ...facts } as never, hint: hint ?? null } });
    }
  }

  async #carryOut(request: AgentRequest): Promise<void> {
    const { id } = request;
    switch (request.op) {
      case 'ping':
        return this.#send({
          id,
          ok: {
            ...this.#identity(),
            lastSwitch: readLastSwitch(this.#switchboard),
            running: [...this.#running.keys()],
          },
        });
      case 'cancel':
        this.#running.get(request.of)?.abort.abort();
        return this.#send({ id, ok: {} });
      case 'exec':
        return this.#run(request);
      case 'input':
        await this.#feed(request);
        return this.#send({ id, ok: {} });
      case 'switch': {
        const target = planSwitch(this.#switchboard, request.target);
        await withMachineLock(() => switchTo(this.#sys, this.#switchboard, target.index));
        return this.#announceArrival();
      }
    }
  }

  async #run(request: Extract<AgentRequest, { op: 'exec' }>): Promise<void> {
    const { id } = request;
    const { input, abort } = this.#running.get(id)!;
    if (request.input !== true) input.end();
    try {
      const ended = await runProgram(request, input, abort.signal, (out, stream) =>
        this.#send({ id, out, stream }),
      );
      await this.#send({ id, ok: { ...ended } });
    } finally {
      this.#running.delete(id);
      input.destroy();
    }
  }

  /** Resolves when the program has taken the piece, or has ended: it may leave its input unread. */
  async #feed({ of, data, end }: Extract<AgentRequest, { op: 'input' }>): Promise<void> {
    const program = this.#running.get(of);
    if (program === undefined) return;
    const { input, over } = program;
    const written = new Promise<void>((resolve) => input.write(data, 'base64', () => resolve()));
    await Promise.race([written, over]);
    if (end) input.end();
  }

  /** Says that this OS runs again, once the program that parked it has done all that comes with that. */
  async #announceArrival(): Promise<void> {
    const holder = lockHolder();
    if (holder !== null && holder !== process.pid) return;
    const { sequence } = this.#switchboard.control();
    if (sequence === this.#announced) return;
    const report = readLastSwitch(this.#switchboard);
    if (report?.sequence !== sequence) return;
    this.#announced = sequence;
    await this.#send({ event: 'arrived', os: report.to, report });
  }

  #send(message: AgentMessage): Promise<void> {
    return this.#port.write(encodeLine(message));
  }
}

function prepareRun(): Running {
  const input = new PassThrough();
  return { input, over: once(input, 'close'), abort: new AbortController() };
}
