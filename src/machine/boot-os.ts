import { readFileSync } from 'node:fs';
import type { RestoreRecord } from '../bank/snapshot.ts';
import { TorporError } from '../base/errors.ts';
import { kernelSize, MIB } from '../base/units.ts';
import { findAcpiRsdp } from '../kernel/acpi-rsdp.ts';
import { type BzImage, decodeBzImage } from '../kernel/bzimage.ts';
import { SLOT_HEADER_BYTES } from '../kernel/guest-memory-map.ts';
import { configFilesOf, findKernelConfig } from '../kernel/kernel-config.ts';
import { type PlacedKernel, placeKernel } from '../kernel/place-kernel.ts';
import type { SlotRecord } from '../switchboard/record.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';
import type { Sys } from '../sys/sys.ts';
import { chooseSlot } from './find-slot.ts';
import { leaveMessage } from './messages.ts';
import { osOf } from './reference.ts';
import type { RegisteredOs } from './registry.ts';
import { type Arrived, switchTo, type TravelOptions } from './travel.ts';

/** Memory that each guest keeps for the page that a panic jumps to; the kernel aligns it to 16 MiB. */
const CRASH_RESERVATION_BYTES = 16 * MIB;

/** Everything that booting an OS will do, checked. */
export interface BootPlan {
  readonly os: RegisteredOs;
  readonly slot: SlotRecord;
  readonly commandLine: string;
  readonly kernelVersion: string;
  readonly placed: PlacedKernel;
  /** The slot that gets the processor back when the OS is up; null to stay there. */
  readonly returnTo: number | null;
}

/**
 * Plans the boot of a registered OS and checks all of it: nothing is written. Throws E_OS_BOOTED,
 * E_NO_SLOT, E_FILE and the codes of decodeBzImage and placeKernel.
 */
export function planBoot(
  sys: Sys,
  switchboard: Switchboard,
  os: RegisteredOs,
  options: { back?: boolean; extraArguments?: string; unfinished?: RestoreRecord | null } = {},
): BootPlan {
  const records = switchboard.records();
  const resident = records.find((record) => record.state !== 'empty' && record.name === os.name);
  if (resident !== undefined) {
    throw new TorporError('E_OS_BOOTED', `“${os.name}” is resident already: it is ${resident.state}`, {
      facts: { name: os.name, slot: resident.index, state: resident.state },
      hint:
        resident.state === 'crashed'
          ? `forget what is left of it with \`torpor stop --force ${os.name}\``
          : `go there with \`torpor switch ${os.name}\``,
    });
  }
  requireWhole(os.name, options.unfinished ?? null);
  const slot = chooseSlot(records, os);
  const kernelFile = readInput(os.kernel);
  const bzImage = decodeBzImage(kernelFile);
  checkKernel(sys, os.kernel, kernelFile, bzImage);
  const commandLine = guestCommandLine(switchboard, slot, os, options.extraArguments ?? '');
  const placed = placeKernel({
    kernelFile,
    bzImage,
    initrd: os.initrd === undefined ? null : readInput(os.initrd),
    commandLine,
    slot: switchboard.plan.slots.find((planned) => planned.index === slot.index)!,
    plan: switchboard.plan,
    firmware: switchboard.firmware,
    acpiRsdp: findAcpiRsdp(sys),
    bootParamsOfThisOs: sys.readBinaryFile('/sys/kernel/boot_params/data'),
  });
  const returnTo = options.back === true ? switchboard.control().current : null;
  return { os, slot, commandLine, kernelVersion: bzImage.version, placed, returnTo };
}

/** Disks that a restore has written half are not started from. Throws E_RESTORE_UNFINISHED. */
function requireWhole(name: string, unfinished: RestoreRecord | null): void {
  if (unfinished === null || osOf(unfinished) !== name) return;
  const { reference, startedMs } = unfinished;
  throw new TorporError(
    'E_RESTORE_UNFINISHED',
    `the restore of ${reference} was interrupted: the disks of “${name}” are not whole`,
    {
      facts: { name, snapshot: reference, started: new Date(startedMs).toISOString() },
      hint: `repeat it with \`torpor restore ${reference}\`, or restore another snapshot of “${name}”`,
    },
  );
}

/** A kernel that could be started but never come back is refused. Throws E_KERNEL_NO_JUMP, E_UNSOUND_KERNEL. */
function checkKernel(sys: Sys, path: string, kernelFile: Uint8Array, bzImage: BzImage): void {
  const beside = configFilesOf(path, bzImage.version).map((file) => sys.readTextFile(file));
  const found = findKernelConfig(kernelFile, bzImage, beside.find((text) => text !== null) ?? null);
  const facts = { kernel: path, version: bzImage.version };
  if (found.kexecJump === 'no') {
    throw new TorporError('E_KERNEL_NO_JUMP', `${path} was built without CONFIG_KEXEC_JUMP`, {
      facts,
      hint: 'it could be started but never left again; use a kernel with CONFIG_KEXEC_JUMP=y',
    });
  }
  if (found.jumpPath === 'unsound') {
    throw new TorporError('E_UNSOUND_KERNEL', `${path} does not load its GDT again when it is re-entered`, {
      facts,
      hint: 'it would reset the machine when it comes back; use 6.12.5 or later, or 6.13 or later',
    });
  }
}

/** The guest's own arguments come last, so that they win. */
function guestCommandLine(
  switchboard: Switchboard,
  slot: SlotRecord,
  os: RegisteredOs,
  extra: string,
): string {
  const base = [
    `torpor.switchboard=0x${switchboard.base.toString(16)}`,
    `torpor.slot=${slot.index}`,
    `crashkernel=${kernelSize(CRASH_RESERVATION_BYTES)}`,
    // PS/2 mice take 0.2 to 4 s to come back after each switch.
    'i8042.noaux',
    // The performance counters of processor 0 are not restored, so the watchdog would be dead.
    'nmi_watchdog=0',
  ];
  return [...base, os.args, extra].filter((part) => part !== '').join(' ');
}

/**
 * Boots an OS as planned and enters it. Returns when somebody comes back to this OS. When this OS
 * cannot leave, the slot is empty again.
 */
export async function bootOs(
  sys: Sys,
  switchboard: Switchboard,
  plan: BootPlan,
  options: TravelOptions = {},
): Promise<Arrived> {
  loadSlot(sys, switchboard, plan);
  try {
    return await switchTo(sys, switchboard, plan.slot.index, options);
  } catch (error) {
    if (switchboard.record(plan.slot.index).state === 'loaded')
      switchboard.setEmpty(plan.slot.index, Date.now());
    throw error;
  }
}

/** Fills the slot and makes it ready for its first entry. The jump is the caller's. */
export function loadSlot(sys: Sys, switchboard: Switchboard, plan: BootPlan): void {
  const { slot, placed, os } = plan;
  for (const range of [slot.memory, ...(slot.low === null ? [] : [slot.low])]) {
    const region = sys.mapPhysical(range);
    // SAFETY: the slot is empty: no kernel runs or sleeps in it, and its ranges are the plan's.
    region.bytes.fill(0, 0, SLOT_HEADER_BYTES);
    for (const write of placed.writes) {
      if (write.destination < range.start || write.destination >= range.end) continue;
      region.bytes.set(write.bytes, write.destination - range.start);
    }
    region.close();
  }
  switchboard.describe(slot.index, {
    name: os.name,
    kernelRelease: plan.kernelVersion.split(' ')[0]!.slice(0, 63),
    bootId: '',
    joined: false,
    crashArmed: false,
    snapshot: null,
    vmcoreinfo: null,
    sinceMs: Date.now(),
  });
  if (plan.returnTo !== null) leaveMessage(switchboard, slot.index, { kind: 'return', to: plan.returnTo });
  switchboard.setLoaded(slot.index, placed.entry, placed.bootParams);
}

function readInput(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new TorporError('E_FILE', `cannot read ${path}: ${errno}`, {
      facts: { path, errno },
      hint: 'correct the entry with `torpor os add --replace`',
      cause,
    });
  }
}
