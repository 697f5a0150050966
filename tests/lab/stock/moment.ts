import { RAM } from '../../survival/guest-os.ts';
import type { Memory, Witness } from '../../survival/witness.ts';
import { readTicks, whoseEndsAreInside } from '../bank/programs.ts';
import type { StockMachine } from './stock-machine.ts';

/** A snapshot of a stock system, and what was true of it. */
export interface StockMoment {
  readonly reference: string;
  /** The script that took it, which answers again whenever the system comes back. */
  readonly script: string;
  readonly memory: Memory;
  readonly bootId: string;
  /** Far behind the moment: how far the system had counted then. */
  readonly laterTicks: number;
}

/** What `torpor snapshot --json` prints, the first time and each time that the system has come back. */
export interface SnapshotAnswer {
  readonly outcome: 'saved' | 'restored';
  readonly reference?: string;
  readonly generation?: number;
  readonly pausedMs?: number;
  readonly stagesMs?: Readonly<Record<string, number>>;
  readonly saved?: { readonly totalMs: number };
  readonly warnings?: readonly string[];
}

const SNAPSHOT_MS = 30 * 60_000;
/** On the disk and in memory, made after the moment. */
const LATER = '/var/lib/later /run/later';
const SAY_LATER = `for file in ${LATER}; do echo later >$file; done; sync`;

/**
 * Saves the OS that runs, and has it go on and become another one. What its witness knows has to be true of it; it
 * is not verified here. Throws what does not hold.
 */
export async function leaveMoment(
  machine: StockMachine,
  witness: Witness,
  tag: string,
  options = '',
): Promise<{ readonly moment: StockMoment; readonly answer: SnapshotAnswer; readonly totalMs: number }> {
  const { os, bootId } = witness;
  const before = await readTicks(machine);
  const memory = whoseEndsAreInside(witness.remember());
  const startMs = performance.now();
  const command = `rm -f ${LATER}; torpor snapshot ${os.name} --tag ${tag} --json ${options}`;
  const { id, result } = machine.begin(command, SNAPSHOT_MS);
  const answer = parseJson<SnapshotAnswer>(await result);
  const totalMs = performance.now() - startMs;
  if (answer.outcome !== 'saved') throw new Error(`“${answer.outcome}” instead of “saved”`);
  // Among them would be why the disks were not copied ahead of the pause, which is possible on these systems.
  if (answer.warnings?.length !== 0) throw new Error(`warnings: ${answer.warnings?.join('; ')}`);
  await must(machine, SAY_LATER);
  const laterTicks = await readTicks(machine);
  if (!(laterTicks > before)) throw new Error(`${laterTicks} ticks after its snapshot, ${before} before it`);
  return {
    moment: { reference: `${os.name}@${tag}`, script: id, memory, bootId, laterTicks },
    answer,
    totalMs,
  };
}

/**
 * Checks that the OS which has come back is at that moment, before anything else is asked of it, and has its
 * witness go on from there. Throws what is not so.
 */
export async function requireMoment(
  machine: StockMachine,
  witness: Witness,
  { reference, memory, bootId, laterTicks }: StockMoment,
): Promise<void> {
  const look = `cut -d' ' -f2 ${RAM}/nonce; cat /proc/sys/kernel/random/boot_id; cat ${LATER} 2>/dev/null || true`;
  const [ticks = '', boot, ...later] = (await must(machine, look)).split('\n');
  if (boot !== bootId) throw new Error(`${reference}: boot ${boot}, not ${bootId}`);
  if (later.length > 0) throw new Error(`${reference}: a file is there that was made after it`);
  if (!(Number(ticks) < laterTicks))
    throw new Error(`${reference}: ${ticks} ticks, and it is from before ${laterTicks}`);
  witness.rewind(memory);
}

/** Runs a script that must end well. Throws what it said. */
export async function must(machine: StockMachine, script: string, timeoutMs = SNAPSHOT_MS): Promise<string> {
  const { status, output } = await machine.run(script, timeoutMs);
  if (status === 0) return output;
  throw new Error(`a script ended with status ${status}: ${output}\n--\n${script}`);
}

/** What a command has printed with `--json`. Throws what it said instead. */
export function parseJson<T>({ status, output }: { readonly status: number; readonly output: string }): T {
  if (status !== 0) throw new Error(`status ${status}: ${output}`);
  try {
    return JSON.parse(output) as T;
  } catch (cause) {
    throw new Error(`no JSON: ${output}`, { cause });
  }
}

/** The initramfs with which the OS that runs comes back at a start, for StockMachine.adoptInitrd. */
export async function installInitramfs(
  machine: StockMachine,
): Promise<{ readonly release: string; readonly sha256: string }> {
  await must(machine, 'sh /opt/torpor/boot/install');
  const release = await must(machine, 'uname -r');
  const [sha256 = ''] = (await must(machine, `sha256sum /boot/initrd.img-${release}`)).split(' ');
  return { release, sha256 };
}
