import { constants, openSync, readFileSync, readSync } from 'node:fs';

/** Lines that a healthy kernel does not say. */
const COMPLAINT =
  /BUG[: ]|WARNING: |Oops|Call Trace:|general protection|soft lockup|blocked for more than|rcu.*(stall|INFO:)|I\/O error|EXT4-fs (error|warning)|hung|timed out|(clocksource|tsc).*unstable/i;

/** The new complaints of this kernel, and how much memory it has. */
export class KernelLog {
  readonly #file = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK);
  readonly #buffer = Buffer.alloc(8192);

  constructor() {
    // What was said before the test began does not count.
    this.readComplaints();
  }

  readComplaints(): string[] {
    const complaints: string[] = [];
    for (;;) {
      try {
        const record = this.#buffer.toString('utf8', 0, readSync(this.#file, this.#buffer));
        // Documentation/ABI/testing/dev-kmsg: prefix fields, `;`, the text, then ` KEY=value` lines.
        const text = record.slice(record.indexOf(';') + 1).split('\n')[0]!;
        if (COMPLAINT.test(text)) complaints.push(text);
      } catch (error) {
        // EPIPE: records were overwritten before they were read.
        if ((error as NodeJS.ErrnoException).code !== 'EPIPE') return complaints;
      }
    }
  }
}

/** A line of /proc/meminfo, in KiB. */
export function readMemoryKib(name: 'MemFree' | 'MemAvailable'): number {
  const line = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/meminfo', 'utf8'));
  return Number(line?.[1] ?? 0);
}
