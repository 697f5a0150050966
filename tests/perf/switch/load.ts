import { TorporError } from '../../../src/base/errors.ts';

/** Where the load counts what it has done. */
const PLACE = '/run/torpor-bench';

/** Keeps one processor busy and writes to the OS's own disk, 2 MiB and an fsync at a time. */
export const START_LOAD = `mkdir -p ${PLACE}
setsid sh -c 'n=0; while :; do n=$((n + 1)); [ $((n % 5000)) -ne 0 ] || echo $n >${PLACE}/cpu; done' \\
	</dev/null >/dev/null 2>&1 &
setsid sh -c 'n=0; while :; do dd if=/dev/zero of=/var/tmp/torpor-bench bs=64k count=32 conv=fsync 2>/dev/null
	n=$((n + 1)); echo $n >${PLACE}/disk; done' </dev/null >/dev/null 2>&1 &`;

export const READ_LOAD = `cat ${PLACE}/cpu ${PLACE}/disk`;

/** What the load of one OS has done so far. */
export interface LoadCount {
  readonly cpuLoops: number;
  readonly diskWrites: number;
}

/** Parses the output of READ_LOAD. Throws E_LAB_COMMAND when a load does not run. */
export function parseLoad(os: string, text: string): LoadCount {
  const [cpuLoops, diskWrites] = text.trim().split(/\s+/).map(Number);
  if ((cpuLoops ?? 0) > 0 && (diskWrites ?? 0) > 0) return { cpuLoops: cpuLoops!, diskWrites: diskWrites! };
  throw new TorporError('E_LAB_COMMAND', `the load in ${os} does not run`, {
    facts: { os, counts: text.trim() },
  });
}

/** The OS was under load from one count to the other. Throws E_LAB_COMMAND. */
export function requireProgress(os: string, before: LoadCount, after: LoadCount): LoadCount {
  if (after.cpuLoops > before.cpuLoops && after.diskWrites > before.diskWrites) return after;
  throw new TorporError('E_LAB_COMMAND', `the load in ${os} stands still`, {
    facts: { os, before: JSON.stringify(before), after: JSON.stringify(after) },
  });
}
