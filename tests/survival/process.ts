import { type GuestOs, RAM } from './guest-os.ts';
import { type Facts, requireSame } from './program.ts';

/** Field 22 of /proc/PID/stat, behind a name that may hold anything: clock ticks from boot to start. */
const startTime = (pid: string | number): string => `sed 's/.*) //' /proc/${pid}/stat | cut -d' ' -f20`;

export type ProcessFacts = Facts & { readonly pid: number; readonly startTicks: number };

/**
 * Starts a shell script as a process of its own, which outlives the call. It reads its secret from
 * its standard input: nothing of it is in a file or in its arguments.
 */
export async function startScript(
  os: GuestOs,
  id: string,
  script: string,
  secret = '',
): Promise<ProcessFacts> {
  await os.write(`${RAM}/${id}.sh`, script);
  const started = await os.sh(
    `cd ${RAM}; mkfifo ${id}.in; setsid sh ${id}.sh <${id}.in >${id}.log 2>&1 & pid=$!
     cat >${RAM}/${id}.in; rm ${RAM}/${id}.in; echo $pid $(${startTime('$pid')})`,
    { stdin: Buffer.from(`${secret}\n`) },
  );
  const [pid, startTicks] = started.split(' ').map(Number);
  return { pid: pid!, startTicks: startTicks! };
}

/** The same process still runs: its number and the time of its start are those of before. */
export async function requireProcess(os: GuestOs, id: string, facts: Facts): Promise<void> {
  const now = await os.sh(
    `${startTime(facts.pid!)} 2>/dev/null || echo gone; tail -n 3 ${RAM}/${id}.log >&2`,
  );
  requireSame(`the process of ${id} in ${os.name}`, facts.startTicks!, Number(now));
}
