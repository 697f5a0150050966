import { TorporError } from '../base/errors.ts';
import { withMachineLock } from '../machine/lock.ts';
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

/** Serves one serial line: runs programs and switches OSes for whoever sits at its other end. */
export class Agent {
  readonly #sys: Sys;
  readonly #switchboard: Switchboard;
  readonly #port: SerialPort;
  readonly #seen: number[] = [];
  readonly #running = new Map<number, AbortController>();
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
    await this.#send({ id, ack: true });
    if (this.#seen.includes(id)) return;
    this.#seen.push(id);
    if (this.#seen.length > REMEMBERED_REQUESTS) this.#seen.shift();
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
        this.#running.get(request.of)?.abort();
        return this.#send({ id, ok: {} });
      case 'exec': {
        const abort = new AbortController();
        this.#running.set(id, abort);
        try {
          const ended = await runProgram(request, abort.signal, (out, stream) =>
            this.#send({ id, out, stream }),
          );
          return await this.#send({ id, ok: { ...ended } });
        } finally {
          this.#running.delete(id);
        }
      }
      case 'switch': {
        const target = planSwitch(this.#switchboard, request.target);
        await withMachineLock(() => switchTo(this.#sys, this.#switchboard, target.index));
        return this.#announceArrival();
      }
    }
  }

  /** Says that this OS runs again, once the program that parked it has written its report. */
  async #announceArrival(): Promise<void> {
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
