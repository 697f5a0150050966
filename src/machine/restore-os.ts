import { randomBytes } from 'node:crypto';
import type { Bank } from '../bank/bank.ts';
import type { RegionTarget } from '../bank/region.ts';
import type { Difference, Snapshot } from '../bank/snapshot.ts';
import { verifySnapshot } from '../bank/verify.ts';
import { TorporError } from '../base/errors.ts';
import type { OnProgress } from '../base/progress.ts';
import { rangeOf } from '../base/ranges.ts';
import { PAGE_BYTES, physAddr } from '../base/units.ts';
import { BOOT_PARAMS_OFFSET } from '../kernel/place-kernel.ts';
import { encodeStub } from '../switchboard/code.ts';
import type { SlotRecord } from '../switchboard/record.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';
import type { Sys } from '../sys/sys.ts';
import { diskTarget } from './disk-region.ts';
import { requireNone } from './fences.ts';
import { memoryTarget } from './memory-region.ts';
import { leaveMessage, SEED_BYTES } from './messages.ts';
import { memoryRanges, type RestorePlan, stubIsInside } from './restore-plan.ts';

/** The stages in their order; `check` only where it is asked for. */
export type RestoreStage = 'verify' | 'journal' | 'place' | 'check' | 'record';

/** What came of it, as `torpor restore --json` prints it. */
export interface RestoreResult {
  readonly os: string;
  readonly reference: string;
  readonly id: string;
  readonly slot: number;
  /** How often this snapshot has been restored, with this time. */
  readonly generation: number;
  readonly stagesMs: Readonly<Partial<Record<RestoreStage, number>>>;
  readonly totalMs: number;
}

export interface RestoreOptions {
  /** Reads everything back and compares it before the OS can run. */
  readonly check?: boolean;
  readonly onProgress?: OnProgress;
}

/**
 * Brings a snapshot back as planned. The OS is parked afterwards and finds out by a message that it
 * comes out of a bank. Until the journal is written nothing is changed: throws the plan's first
 * obstacle, E_BANK_DAMAGED. Later failures leave the slot empty and the restore unfinished, to be
 * repeated: E_SYSCALL, E_RESTORE_DIFFERS.
 */
export async function restoreOs(
  sys: Sys,
  switchboard: Switchboard,
  bank: Bank,
  plan: RestorePlan,
  options: RestoreOptions = {},
): Promise<RestoreResult> {
  const { snapshot, slot } = plan;
  const { onProgress } = options;
  requireNone(plan.obstacles, snapshot.reference);
  if (slot === null) throw new Error('a plan without obstacles has a slot');
  const stagesMs: Partial<Record<RestoreStage, number>> = {};
  const stage = async <T>(name: RestoreStage, action: () => T | Promise<T>): Promise<T> => {
    const startedMs = performance.now();
    try {
      return await action();
    } finally {
      stagesMs[name] = performance.now() - startedMs;
    }
  };
  const startedMs = performance.now();
  await stage('verify', () => verifySnapshot(bank, snapshot, onProgress === undefined ? {} : { onProgress }));
  const targets = openTargets(sys, plan);
  try {
    await stage('journal', () => {
      bank.beginRestore(snapshot, slot.index);
      switchboard.setEmpty(slot.index, Math.round(sys.realtimeMs()));
    });
    const all = [...targets.memory, ...targets.disks];
    await stage('place', () => bank.place(snapshot, all, onProgress));
    if (options.check === true) {
      await stage('check', async () => requireSame(snapshot, await bank.check(snapshot, all, onProgress)));
    }
  } finally {
    targets.close();
  }
  const generation = await stage('record', () => completeRestore(sys, switchboard, bank, snapshot, slot));
  return {
    os: snapshot.os,
    reference: snapshot.reference,
    id: snapshot.id,
    slot: slot.index,
    generation,
    stagesMs,
    totalMs: performance.now() - startedMs,
  };
}

/** Disks are opened for writing, which nobody else then can, before anything is changed. */
function openTargets(sys: Sys, plan: RestorePlan) {
  const { description } = plan.snapshot;
  const closers: (() => void)[] = [];
  const close = (): void => {
    for (const closer of closers.splice(0)) closer();
  };
  try {
    const disks = plan.disks.map(({ name, path }) => {
      const device = sys.openBlockDevice(path, 'write');
      closers.push(() => device.close());
      return diskTarget(name, device);
    });
    const { memory, low } = memoryRanges(plan.snapshot);
    const ranges = [
      { name: 'memory' as const, range: memory },
      ...(low === null ? [] : [{ name: 'low' as const, range: low }]),
    ];
    const memories = ranges.map(({ name, range }): RegionTarget => {
      const target = memoryTarget(sys, name, range, description.kernel.freePages);
      closers.push(() => target.close());
      return target;
    });
    return { disks, memory: memories, close };
  } catch (error) {
    close();
    throw error;
  }
}

function requireSame(snapshot: Snapshot, differences: readonly Difference[]): void {
  const [first] = differences;
  if (first === undefined) return;
  const where = differences.map(({ region, start, end }) => `${region}: pages ${start} to ${end - 1}`);
  throw new TorporError(
    'E_RESTORE_DIFFERS',
    `what was read back is not what ${snapshot.reference} holds, first in ${where[0]}`,
    {
      facts: { snapshot: snapshot.reference, differences: where.slice(0, 20) },
      hint: `memory or a disk does not keep what is written to it: test them, then repeat \`torpor restore ${snapshot.reference}\``,
    },
  );
}

/** Makes the slot's content an OS that can be entered, as the last step. Returns the generation. */
function completeRestore(
  sys: Sys,
  switchboard: Switchboard,
  bank: Bank,
  snapshot: Snapshot,
  slot: SlotRecord,
): number {
  const { kernel, machine, os } = snapshot.description;
  if (machine.slot.index !== slot.index && stubIsInside(snapshot)) {
    const page = sys.mapPhysical(rangeOf(kernel.stub, PAGE_BYTES));
    // SAFETY: the page that the OS parked itself through, in an empty slot. It names the slot.
    page.bytes.set(encodeStub(switchboard.base, 'park', slot.index));
    page.close();
  }
  const generation = bank.nextGeneration(snapshot);
  switchboard.describe(slot.index, {
    name: os,
    kernelRelease: kernel.release.slice(0, 63),
    bootId: kernel.bootId,
    vmcoreinfo:
      kernel.vmcoreinfo === null
        ? null
        : { address: physAddr(kernel.vmcoreinfo.address), sizeBytes: kernel.vmcoreinfo.sizeBytes },
    joined: true,
    // Its crash image names its slot. It arms it again when it runs.
    crashArmed: machine.slot.index === slot.index,
    snapshot: { id: snapshot.id, generation },
    sinceMs: Math.round(sys.realtimeMs()),
  });
  leaveMessage(switchboard, slot.index, {
    kind: 'restored',
    id: snapshot.id,
    reference: snapshot.reference,
    generation,
    seed: randomBytes(SEED_BYTES).toString('base64'),
  });
  // Where its command line is found, for its next snapshot.
  const bootParams = physAddr(machine.slot.memory.start + BOOT_PARAMS_OFFSET);
  switchboard.setParked(slot.index, physAddr(kernel.entry), bootParams);
  bank.endRestore();
  return generation;
}
