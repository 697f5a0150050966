import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { SwitchReport } from '../../src/engine/resident/switch-report.ts';
import type { WitnessReport } from './guest/report.ts';

/** One switch of a soak, as it is kept. */
export interface SoakSwitch {
  readonly number: number;
  readonly from: string;
  readonly to: string;
  /** How long the leaving OS was left to itself before. */
  readonly dwellMs: number;
  /** By the host's clock, from the request to the arrival. */
  readonly hostMs: number;
  /** Null when its message was lost on the serial line. */
  readonly report: SwitchReport | null;
}

/** Every switch on a line of a file, written at once: the last lines before a failure matter most. */
export class Journal {
  readonly path: string;
  readonly switches: SoakSwitch[] = [];
  readonly first = new Map<string, WitnessReport>();
  readonly last = new Map<string, WitnessReport>();
  /** Harmless complaints of the kernels, as often as they came. */
  readonly complaints = new Map<string, number>();

  constructor(path: string, header: object) {
    this.path = path;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${JSON.stringify(header)}\n`);
  }

  add(done: SoakSwitch): void {
    this.switches.push(done);
    this.#write(done);
  }

  addVisit(os: string, report: WitnessReport): void {
    if (!this.first.has(os)) this.first.set(os, report);
    this.last.set(os, report);
    for (const line of report.complaints) {
      this.complaints.set(`${os}: ${line}`, (this.complaints.get(`${os}: ${line}`) ?? 0) + 1);
    }
    this.#write(report);
  }

  /** Any other event. */
  note(event: object): void {
    this.#write(event);
  }

  #write(line: object): void {
    appendFileSync(this.path, `${JSON.stringify(line)}\n`);
  }
}
