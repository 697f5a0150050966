import { TorporError } from '../base/errors.ts';
import { rangeOf } from '../base/ranges.ts';
import { PHYS_ADDR_LIMIT } from '../base/units.ts';
import { MAX_SLOTS, SWITCHBOARD_BYTES } from '../switchboard/layout.ts';
import { Switchboard } from '../switchboard/switchboard.ts';
import type { MappedRegion, Sys } from '../sys/sys.ts';

/** Where this OS parks without a memory plan; the initramfs has a copy. */
export const PARKING_FILE = '/etc/torpor/parking.json';

/** This OS's place in the machine, as its kernel command line says. */
export interface ThisOs {
  readonly switchboardAddress: number;
  /** 0 is home. */
  readonly slot: number;
}

/** Reads `torpor.switchboard=` and `torpor.slot=` from the command line. Throws E_NO_PLAN. */
export function findThisOs(sys: Sys): ThisOs {
  const commandLine = sys.readTextFile('/proc/cmdline') ?? '';
  // As for the kernel's own arguments the last one counts.
  const value = (key: string, limit: number, unit: number): number | null => {
    const text = [...commandLine.matchAll(new RegExp(`(?<=^|\\s)torpor\\.${key}=(\\S*)`, 'g'))].at(-1)?.[1];
    if (text === undefined) return null;
    const number = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
    if (number < limit && number % unit === 0) return number;
    throw new TorporError('E_NO_PLAN', `the kernel argument torpor.${key}=${text} is not valid`, {
      facts: { commandLine },
      hint: 'compare the kernel command line with what `torpor plan` prints',
    });
  };
  const switchboardAddress = value('switchboard', PHYS_ADDR_LIMIT, SWITCHBOARD_BYTES);
  if (switchboardAddress === null) {
    throw new TorporError('E_NO_PLAN', 'this machine keeps no memory for other OSes', {
      facts: { commandLine },
      hint: 'run `torpor plan --slots 1x1G`, add what it prints to the kernel command line, and restart; a kernel without KEXEC_JUMP switches through `torpor parking init DISK`',
    });
  }
  return { switchboardAddress, slot: value('slot', MAX_SLOTS, 1) ?? 0 };
}

/** False on a machine that keeps no memory for other OSes: there an OS is saved by its own kernel. */
export function hasPlan(sys: Sys): boolean {
  return /(^|\s)torpor\.switchboard=/.test(sys.readTextFile('/proc/cmdline') ?? '');
}

/** True where OSes take turns through a parking area: that is no question where one keeps memory for others. */
export function usesParking(sys: Sys): boolean {
  return !hasPlan(sys) && sys.readTextFile(PARKING_FILE) !== null;
}

/** Maps the switchboard's memory; its content is not looked at. Throws E_NOT_ROOT, E_NO_DEVMEM, E_DEVMEM_REFUSED. */
export function mapSwitchboard(sys: Sys, address: number): MappedRegion {
  requireRoot(sys);
  return sys.mapPhysical(rangeOf(address, SWITCHBOARD_BYTES));
}

/**
 * Opens the switchboard of a joined machine, checked whole. Throws E_SWITCHBOARD_*, and
 * E_SWITCHBOARD_VALUE when it says that another slot than this OS's runs.
 */
export function openSwitchboard(sys: Sys): Switchboard {
  const self = findThisOs(sys);
  const switchboard = Switchboard.open(mapSwitchboard(sys, self.switchboardAddress));
  const { current } = switchboard.control();
  if (current !== self.slot && !isMoved(sys, switchboard)) {
    throw new TorporError(
      'E_SWITCHBOARD_VALUE',
      `the switchboard says that slot ${current} runs, but this is slot ${self.slot}`,
      {
        facts: { current, slot: self.slot },
        hint: self.slot === 0 ? 'run `torpor join` after every start of this OS' : 'restart the machine',
      },
    );
  }
  if (self.slot === 0 && switchboard.homeBootId !== bootId(sys)) {
    throw new TorporError('E_SWITCHBOARD_MAGIC', 'the switchboard is from before the last restart', {
      hint: 'run `torpor join` after every start of this OS',
    });
  }
  return switchboard;
}

/** An OS can come out of a bank into another slot than the one that its command line names. */
function isMoved(sys: Sys, switchboard: Switchboard): boolean {
  const { snapshot, bootId: recorded } = switchboard.running();
  return snapshot !== null && recorded !== '' && recorded === bootId(sys);
}

/** A random name of this boot of this kernel (drivers/char/random.c). */
export function bootId(sys: Sys): string {
  return (sys.readTextFile('/proc/sys/kernel/random/boot_id') ?? '').trim();
}

export function requireRoot(sys: Sys): void {
  if (sys.effectiveUid() === 0) return;
  throw new TorporError('E_NOT_ROOT', 'this needs root', {
    hint: 'run it again as root, for instance with sudo',
  });
}
