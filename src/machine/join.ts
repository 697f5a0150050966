import { TorporError } from '../base/errors.ts';
import { physAddr } from '../base/units.ts';
import { loadCrashImage } from '../engine/resident/kexec-images.ts';
import { parseVmcoreinfoLocation } from '../kernel/vmcoreinfo.ts';
import { checkPlan } from '../memory/check-plan.ts';
import { readFirmwareMap } from '../memory/firmware-map.ts';
import { checkReserved, decodePlanArguments } from '../memory/plan-arguments.ts';
import { HEADER, RECORD, SWITCHBOARD_MAGIC } from '../switchboard/layout.ts';
import type { SlotRecord } from '../switchboard/record.ts';
import { Switchboard } from '../switchboard/switchboard.ts';
import type { MappedRegion, Sys } from '../sys/sys.ts';
import { bootId, findThisOs, mapSwitchboard } from './this-os.ts';

/**
 * Announces this OS to its machine, once after each of its starts: home writes the switchboard
 * anew, a guest completes its record, and both arm the image that a panic runs. Repeating it
 * changes nothing.
 */
export function joinMachine(sys: Sys, homeName: string): { switchboard: Switchboard; self: SlotRecord } {
  const { switchboardAddress, slot } = findThisOs(sys);
  const region = mapSwitchboard(sys, switchboardAddress);
  const switchboard = slot === 0 ? openAsHome(sys, region, homeName) : Switchboard.open(region);
  if (switchboard.control().current !== slot) {
    throw new TorporError('E_SWITCHBOARD_VALUE', `the switchboard does not know that slot ${slot} runs`, {
      facts: { slot, current: switchboard.control().current },
      hint: 'guests are started with `torpor boot`, not by hand',
    });
  }
  const location = sys.readTextFile('/sys/kernel/vmcoreinfo');
  switchboard.describe(slot, {
    joined: true,
    kernelRelease: sys.kernelRelease().slice(0, 63),
    bootId: bootId(sys),
    vmcoreinfo: location === null ? null : parseVmcoreinfoLocation(location),
    crashArmed: loadCrashImage(sys, physAddr(switchboardAddress), switchboard.record(slot)),
  });
  return { switchboard, self: switchboard.record(slot) };
}

/** The switchboard of this boot of home: the one that is there, or a new one. */
function openAsHome(sys: Sys, region: MappedRegion, homeName: string): Switchboard {
  try {
    const present = Switchboard.open(region);
    if (present.homeBootId === bootId(sys)) return present;
  } catch (cause) {
    // A damaged one of this boot is not written anew: parked OSes depend on it.
    if (!(cause instanceof TorporError) || isOfThisBoot(sys, region)) throw cause;
  }
  if (Buffer.byteLength(homeName) > RECORD.fields.name.codec.sizeBytes) {
    throw new TorporError('E_USAGE', `“${homeName}” is too long for a name`, {
      facts: { name: homeName },
      hint: `give this OS a name of at most ${RECORD.fields.name.codec.sizeBytes} bytes with \`torpor join --name\``,
    });
  }
  const plan = decodePlanArguments(sys.readTextFile('/proc/cmdline') ?? '');
  if (plan === null) {
    throw new TorporError('E_NO_PLAN', 'the kernel command line holds no memory plan', {
      hint: 'run `torpor plan`, add what it prints to the kernel command line, and restart',
    });
  }
  const firmware = readFirmwareMap(sys);
  checkPlan(plan, firmware);
  checkReserved(sys.readTextFile('/proc/iomem') ?? '', plan);
  const home = {
    name: homeName,
    kernelRelease: sys.kernelRelease().slice(0, 63),
    bootId: bootId(sys),
    sinceMs: Date.now(),
  };
  return Switchboard.create(region, { plan, firmware, home, processor: bootProcessor(sys) });
}

/** The first processor of /proc/cpuinfo is the one that the firmware started. UEFI knows no warm reset. */
function bootProcessor(sys: Sys): { bootApicId: number; canWake: boolean } {
  const match = /^initial apicid\s*: (\d+)$/m.exec(sys.readTextFile('/proc/cpuinfo') ?? '');
  return {
    bootApicId: Number(match?.[1] ?? 0),
    canWake: sys.listDirectory('/sys/firmware/efi').length === 0,
  };
}

function isOfThisBoot(sys: Sys, region: MappedRegion): boolean {
  const { magic, homeBootId } = HEADER.decode(region.bytes);
  return magic === SWITCHBOARD_MAGIC && homeBootId === bootId(sys);
}
