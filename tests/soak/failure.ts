import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabMachine } from '../../lab/machine/lab-machine.ts';
import { requireQemu } from '../../lab/machine/qemu-process.ts';
import { openQmp } from '../../lab/machine/qmp.ts';
import { TORPOR } from '../../lab/machine/shut-down.ts';
import type { Journal } from './journal.ts';
import { saveMemoryLogs } from './memory-logs.ts';
import type { SoakOptions } from './options.ts';

/** What every soak says of its first failure, which ends it. */
export interface Failure {
  readonly problems: readonly string[];
  readonly replay: string;
  /** The directory with all that is known about it. */
  readonly evidence: string;
}

export interface SoakFailure extends Failure {
  /** The number of the switch at which it was seen. */
  readonly number: number;
  readonly from: string;
  readonly to: string;
}

const ASK_MS = 20_000;

/** A command that draws the same sequence again. */
export function renderReplay(options: SoakOptions, switches: number): string {
  const config = options.config === null ? '' : ` --config ${options.config}`;
  return `npm run soak -- switch --seed ${options.seed} --switches ${switches}${config}`;
}

/**
 * Keeps all that is known about a failure: first what QEMU knows, because asking the OSes changes
 * them, then each kernel's log, that of the parked ones out of their memory.
 */
export async function keepEvidence(
  machine: LabMachine,
  journal: Journal,
  failure: SoakFailure,
): Promise<void> {
  const directory = failure.evidence;
  await machine.evidence(directory);
  writeFileSync(join(directory, 'failure.json'), `${JSON.stringify(failure, null, 2)}\n`);
  copyFileSync(journal.path, join(directory, 'soak.jsonl'));
  const ask = async (file: string, argv: readonly string[]): Promise<void> => {
    const text = await machine.run(argv, { timeoutMs: ASK_MS }).catch((error) => `${error}\n`);
    writeFileSync(join(directory, file), text);
  };
  let running: string;
  try {
    running = (await machine.ping(ASK_MS)).os;
  } catch (error) {
    writeFileSync(join(directory, 'no-os-answers.txt'), `${error}\n`);
    await readMemory(machine, directory);
    return;
  }
  await ask('status.json', [TORPOR, 'status', '--json']);
  await ask(`dmesg-${running}.txt`, ['dmesg']);
  await ask(`witness-${running}.txt`, ['cat', '/run/torpor-soak/log']);
  await ask(`processes-${running}.txt`, ['sh', '-c', 'ps axo pid,stat,wchan,comm || ps']);
  for (const { name } of machine.spec.oses.filter((os) => os.name !== running)) {
    await ask(`dmesg-${name}.txt`, [TORPOR, 'show', name, '--lines', '1000']);
  }
}

/** When no OS answers, QEMU gives their memory. */
async function readMemory(machine: LabMachine, directory: string): Promise<void> {
  try {
    requireQemu(machine.state);
    const qmp = await openQmp(machine.state.sockets.qmp);
    await saveMemoryLogs(qmp, machine.spec, directory);
    qmp.close();
  } catch (error) {
    writeFileSync(join(directory, 'no-memory.txt'), `${error}\n`);
  }
}
