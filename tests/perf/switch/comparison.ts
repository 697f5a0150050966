import type { LabState } from '../../../lab/machine/state.ts';
import { TorporError } from '../../../src/base/errors.ts';
import { parseLoad, READ_LOAD, requireProgress, START_LOAD } from './load.ts';
import { PlainMachine } from './plain-machine.ts';

/** The same Debian 12, moved aside by the means that every Linux has. */
export interface Comparison {
  /** From the request until the machine is off. */
  readonly hibernateMs: number;
  /** From power-on until its SSH server answers; the programs went on. */
  readonly resumeMs: number;
  /** From the request until the SSH server of the new start answers. */
  readonly rebootMs: number;
}

const PREPARE_SWAP = 'mkswap /dev/vdc >/dev/null && swapon /dev/vdc && cat /sys/block/vdc/serial';
const BOOT_ID = 'cat /proc/sys/kernel/random/boot_id';
const LOAD_SECONDS = 5;

/** Hibernates and resumes it once, under load; ms. */
export async function measureHibernation(
  beside: LabState,
  say: (text: string) => void,
): Promise<Pick<Comparison, 'hibernateMs' | 'resumeMs'>> {
  return await PlainMachine.use(beside, (machine) => hibernate(machine, say));
}

export async function measureComparison(beside: LabState, say: (text: string) => void): Promise<Comparison> {
  return await PlainMachine.use(beside, async (machine) => {
    const { hibernateMs, resumeMs } = await hibernate(machine, say);
    const bootId = await machine.run(BOOT_ID);
    say('reboot');
    const reboot = await machine.prepare('systemctl reboot');
    const { reset, close } = await machine.watchReset();
    const rebootMs = await time(async () => {
      reboot.go();
      // The old SSH server answers until it is stopped.
      await reset;
      await machine.awaitService();
    });
    close();
    if ((await machine.run(BOOT_ID)) === bootId) {
      throw new TorporError('E_LAB_MACHINE', 'the OS did not reboot');
    }
    return { hibernateMs, resumeMs, rebootMs };
  });
}

async function hibernate(machine: PlainMachine, say: (text: string) => void) {
  say('start debian12 as a machine of its own');
  await machine.powerOn();
  const serial = (await machine.run(PREPARE_SWAP)).trim();
  if (serial !== 'swap')
    throw new TorporError('E_LAB_MACHINE', `vdc is the disk “${serial}”, not the swap disk`);
  await machine.run(START_LOAD);
  const before = parseLoad('debian12', await machine.run(`sleep ${LOAD_SECONDS}; ${READ_LOAD}`));
  const bootId = await machine.run(BOOT_ID);

  say('hibernate and resume');
  const suspend = await machine.prepare('echo shutdown >/sys/power/disk; echo disk >/sys/power/state');
  const hibernateMs = await time(async () => {
    suspend.go();
    await machine.awaitOff();
  });
  const resumeMs = await time(() => machine.powerOn());
  if ((await machine.run(BOOT_ID)) !== bootId) {
    throw new TorporError('E_LAB_MACHINE', 'the hibernated OS started anew instead of going on', {
      hint: 'its console log tells why',
    });
  }
  requireProgress('debian12', before, parseLoad('debian12', await machine.run(READ_LOAD)));
  return { hibernateMs, resumeMs };
}

async function time(action: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await action();
  return performance.now() - started;
}
