import type { Bank } from '../bank/bank.ts';
import { type SnapshotFacts, tagSchema } from '../bank/description.ts';
import type { RegionSource } from '../bank/region.ts';
import type { Saved } from '../bank/snapshot.ts';
import { TorporError } from '../base/errors.ts';
import type { OnProgress } from '../base/progress.ts';
import { PAGE_BYTES } from '../base/units.ts';
import { readDiskUse } from '../filesystem/disk-use.ts';
import type { SlotRecord } from '../switchboard/record.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';
import type { Sys } from '../sys/sys.ts';
import { readCpuFacts } from './cpu-facts.ts';
import { diskSource } from './disk-region.ts';
import { findResident } from './find-slot.ts';
import { memorySource } from './memory-region.ts';
import { disksOfOthers, openOsDisk } from './os-disks.ts';
import { openParkedKernel } from './parked-kernel.ts';
import type { Registry } from './registry.ts';
import { readSharedFence } from './shared-fence.ts';

/** What is to be saved, and what the snapshot will be called. */
export interface SnapshotWish {
  readonly os: string;
  /** Null: the time, such as `20260214-093000` (UTC). */
  readonly tag: string | null;
  readonly note: string;
}

/** Everything that saving an OS will read, opened and checked; to be closed. */
export interface SnapshotPlan {
  readonly record: SlotRecord;
  readonly facts: SnapshotFacts;
  /** The id of the snapshot that it is compared with. */
  readonly parent: string | null;
  readonly sources: readonly RegionSource[];
  /** Disks with an ext4 filesystem that is not at rest: its bitmaps are not believed. */
  readonly inUse: readonly string[];
  /** Why more is saved than would be needed; complete when everything was read. */
  readonly doubts: () => readonly string[];
  close(): void;
}

/** What came of it, as `torpor snapshot --json` prints it. */
export interface SnapshotResult extends Omit<Saved, 'stagesMs'> {
  readonly os: string;
  readonly tag: string;
  readonly stagesMs: Readonly<Record<string, number>>;
  readonly doubts: readonly string[];
}

/**
 * Plans to save a parked OS. Runs in home, where all disks and the bank are. Throws E_OS_UNKNOWN,
 * E_OS_STATE, E_OS_CRASHED, E_DISK_MISSING, E_DISK_IN_USE, E_USAGE (the tag).
 */
export function planSnapshot(
  sys: Sys,
  switchboard: Switchboard,
  registry: Registry,
  wish: SnapshotWish,
): SnapshotPlan {
  const record = requireParked(switchboard, wish.os);
  const os = registry.get(wish.os);
  const nowMs = Math.round(sys.realtimeMs());
  const tag = checkTag(wish.tag ?? defaultTag(nowMs));
  const closers: (() => void)[] = [];
  const close = (): void => {
    for (const closer of closers.splice(0)) closer();
  };
  try {
    const kernel = openParkedKernel(sys, record);
    closers.push(kernel.close);
    const memory = memorySource(sys, 'memory', record.memory, kernel.used);
    closers.push(memory.close);
    const sources: RegionSource[] = [memory];
    if (record.low !== null) {
      const low = memorySource(sys, 'low', record.low);
      closers.push(low.close);
      sources.push(low);
    }
    const inUse: string[] = [];
    const others = disksOfOthers(registry, switchboard.records(), os.name);
    const disks = os.disks.map((wanted) => {
      const { name, shared, disk } = openOsDisk(sys, os.name, wanted, others);
      const device = sys.openBlockDevice(disk.path, 'read');
      closers.push(() => device.close());
      // The OS has written behind this kernel's back.
      device.dropCache();
      if (!shared) {
        const { pages, isUnquiet } = readDiskUse(device);
        if (isUnquiet) inUse.push(name);
        sources.push(diskSource(name, device, pages));
      }
      return { name, sizeBytes: device.sizeBytes, shared, fence: shared ? readSharedFence(device) : null };
    });
    const facts: SnapshotFacts = {
      os: os.name,
      tag,
      note: wish.note,
      createdMs: nowMs,
      engine: 'resident',
      machine: {
        firmwareMap: switchboard.firmware.map(({ start, end, type }) => ({ start, end, type })),
        switchboard: switchboard.base,
        slot: { index: record.index, memory: { ...record.memory }, low: record.low && { ...record.low } },
        cpu: { ...readCpuFacts(sys), flags: [...readCpuFacts(sys).flags] },
      },
      kernel: {
        release: record.kernelRelease,
        bootId: record.bootId,
        commandLine: kernel.commandLine,
        entry: record.entry,
        stub: record.stub,
        vmcoreinfo: record.vmcoreinfo && { ...record.vmcoreinfo },
        freePages: kernel.freePages,
      },
      disks,
    };
    const parent = record.snapshot?.id ?? null;
    const doubts = inUse.map(
      (name) => `a filesystem on ${name} is in use or damaged: every block of it is read`,
    );
    return { record, facts, parent, sources, inUse, doubts: () => [...kernel.doubts, ...doubts], close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Saves as planned, and notes in the OS's record what it was saved to. The OS stays parked. */
export async function snapshotOs(
  switchboard: Switchboard,
  bank: Bank,
  plan: SnapshotPlan,
  onProgress?: OnProgress,
): Promise<SnapshotResult> {
  const { facts, sources, record } = plan;
  const known = bank.snapshots().some(({ id }) => id === plan.parent);
  // Without one of its own it is compared with the newest snapshot of this OS.
  const description = { ...facts, ...(known ? { parent: plan.parent } : {}) };
  const saved = await bank.save({
    description,
    sources,
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  switchboard.describe(record.index, { snapshot: { id: saved.id, generation: 0 } });
  return { ...saved, os: facts.os, tag: facts.tag, doubts: plan.doubts() };
}

function requireParked(switchboard: Switchboard, name: string): SlotRecord {
  const record = findResident(switchboard.records(), name);
  const facts = { name, slot: record.index, state: record.state };
  if (record.index === 0) {
    throw new TorporError('E_OS_STATE', `“${name}” holds the machine and the bank; it cannot be saved`, {
      facts,
      hint: 'snapshots are of the OSes in slots: `torpor status` lists them',
    });
  }
  switch (record.state) {
    case 'parked':
      return record;
    case 'crashed':
      throw new TorporError('E_OS_CRASHED', `“${name}” has crashed: it could never go on`, {
        facts,
        hint: `read its last words with \`torpor show ${name}\``,
      });
    default:
      throw new TorporError('E_OS_STATE', `“${name}” is ${record.state}; only a parked OS can be saved`, {
        facts,
        hint: `go there first with \`torpor switch ${name}\``,
      });
  }
}

/** Throws E_USAGE. */
export function checkTag(tag: string): string {
  if (tagSchema.safeParse(tag).success) return tag;
  throw new TorporError('E_USAGE', `“${tag}” cannot name a snapshot`, {
    facts: { tag },
    hint: 'use up to 64 letters, digits and _.:+-, beginning with a letter or digit',
  });
}

/** `20260214-093000` */
export function defaultTag(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
}

/** The plan as `--dry-run --json` prints it. */
export function describeSnapshotPlan({ facts, parent, sources }: SnapshotPlan) {
  const { os, tag, note, disks, kernel } = facts;
  const regions = sources.map(({ region }) => ({
    kind: region.kind,
    name: region.name,
    sizeBytes: region.kind === 'disk' ? region.sizeBytes : region.pages * PAGE_BYTES,
  }));
  return { os, tag, note, parent, kernel: kernel.release, regions, disks };
}
