import type { RestoreRecord, Snapshot } from '../bank/snapshot.ts';
import { contains } from '../base/ranges.ts';
import type { SlotRecord } from '../switchboard/record.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';
import type { Sys } from '../sys/sys.ts';
import { readCpuFacts } from './cpu-facts.ts';
import { compareMachine, compareSlot, type Obstacle, rangeFrom } from './fences.ts';
import { isResident } from './find-slot.ts';
import { asObstacle, diskByName, disksOfOthers, openOsDisk } from './os-disks.ts';
import { osOf } from './reference.ts';
import type { Registry } from './registry.ts';
import { readSharedFence } from './shared-fence.ts';

/** Everything that a restore will do, and everything that stands against it. */
export interface RestorePlan {
  readonly snapshot: Snapshot;
  /** Null when no slot is where the snapshot's memory has to be. */
  readonly slot: SlotRecord | null;
  /** The OS of that name that is in the slot now and will be gone. */
  readonly replaces: SlotRecord | null;
  /** What the snapshot's disks are on this machine; those that were not found are missing here. */
  readonly disks: readonly { readonly name: string; readonly path: string; readonly sizeBytes: number }[];
  /** Empty when the snapshot can be restored. */
  readonly obstacles: readonly Obstacle[];
}

export interface RestoreWish {
  /** Null: the slot of the snapshot, else any that has the memory at the same addresses. */
  readonly slot: number | null;
}

/** Plans a restore and checks every fence; nothing is changed. */
export function planRestore(
  sys: Sys,
  switchboard: Switchboard,
  registry: Registry,
  snapshot: Snapshot,
  unfinished: RestoreRecord | null,
  wish: RestoreWish,
): RestorePlan {
  const { description } = snapshot;
  const records = switchboard.records();
  const { slot, obstacles: slotObstacles } = chooseRestoreSlot(records, snapshot, wish.slot);
  const machine = compareMachine(description.machine, {
    firmware: switchboard.firmware,
    switchboard: switchboard.base,
    cpu: readCpuFacts(sys),
  });
  const { disks, obstacles: diskObstacles } = findDisks(sys, registry, records, snapshot);
  return {
    snapshot,
    slot,
    replaces: slot !== null && isResident(slot) && slot.name === description.os ? slot : null,
    disks,
    obstacles: [
      ...checkUnfinished(snapshot, unfinished),
      ...machine,
      ...slotObstacles,
      ...checkResident(records, snapshot, slot),
      ...diskObstacles,
    ],
  };
}

function chooseRestoreSlot(
  records: readonly SlotRecord[],
  snapshot: Snapshot,
  wanted: number | null,
): { slot: SlotRecord | null; obstacles: Obstacle[] } {
  const place = snapshot.description.machine.slot;
  const guests = records.filter(({ index }) => index !== 0);
  const index = wanted ?? place.index;
  const named = guests.find((record) => record.index === index);
  const isThere = (record: SlotRecord): boolean => compareSlot(place, record).length === 0;
  if (named !== undefined && isThere(named)) return { slot: named, obstacles: [] };
  const other = wanted === null ? guests.find(isThere) : undefined;
  if (other !== undefined) return { slot: other, obstacles: [] };
  if (named !== undefined) return { slot: named, obstacles: compareSlot(place, named) };
  const message = `there is no slot ${index}; this machine has ${guests.length}`;
  const hint = 'restart with a memory plan that has a slot there (`torpor plan --at`)';
  return { slot: null, obstacles: [{ code: 'E_NO_SLOT', message, hint }] };
}

/** The slot must be free or hold the same OS, and that OS must be nowhere else: its disks are overwritten. */
function checkResident(
  records: readonly SlotRecord[],
  snapshot: Snapshot,
  slot: SlotRecord | null,
): Obstacle[] {
  const { os } = snapshot;
  const found: Obstacle[] = [];
  if (slot !== null && isResident(slot) && slot.name !== os) {
    found.push({
      code: 'E_NO_SLOT',
      message: `slot ${slot.index} holds “${slot.name}” (${slot.state})`,
      hint: `save or stop it first: \`torpor snapshot ${slot.name}\`, \`torpor stop ${slot.name}\``,
    });
  }
  if (slot?.state === 'running') {
    const hint = 'restore it from home, or from itself with `torpor restore`';
    found.push({ code: 'E_OS_RUNNING', message: `“${slot.name}” runs in slot ${slot.index}`, hint });
  }
  if (slot === null) return found;
  const elsewhere = records.find((record) => isResident(record) && record.name === os && record !== slot);
  if (elsewhere !== undefined) {
    found.push({
      code: 'E_OS_BOOTED',
      message: `“${os}” is ${elsewhere.state} in slot ${elsewhere.index} and uses the same disks`,
      hint: `stop it first: \`torpor stop ${os}\``,
    });
  }
  return found;
}

function checkUnfinished(snapshot: Snapshot, unfinished: RestoreRecord | null): Obstacle[] {
  if (unfinished === null || osOf(unfinished) === snapshot.os) return [];
  return [
    {
      code: 'E_RESTORE_UNFINISHED',
      message: `the restore of ${unfinished.reference} was interrupted and has to be repeated first`,
      hint: `\`torpor restore ${unfinished.reference}\``,
    },
  ];
}

function findDisks(
  sys: Sys,
  registry: Registry,
  records: readonly SlotRecord[],
  { description }: Snapshot,
): { disks: { name: string; path: string; sizeBytes: number }[]; obstacles: Obstacle[] } {
  const os = registry.has(description.os) ? registry.get(description.os) : null;
  const others = disksOfOthers(registry, records, description.os);
  const disks: { name: string; path: string; sizeBytes: number }[] = [];
  const obstacles = description.disks.flatMap((saved): Obstacle[] => {
    try {
      const wanted = diskByName(os, saved.name, saved.shared);
      const { disk } = openOsDisk(sys, description.os, { ...wanted, shared: saved.shared }, others);
      const device = sys.openBlockDevice(disk.path, 'read');
      try {
        device.dropCache();
        if (!saved.shared) disks.push({ name: saved.name, path: disk.path, sizeBytes: device.sizeBytes });
        const fence = saved.shared && saved.fence !== null ? readSharedFence(device) : null;
        return compareDisk(saved, { path: disk.path, sizeBytes: device.sizeBytes, fence });
      } finally {
        device.close();
      }
    } catch (error) {
      return [asObstacle(error)];
    }
  });
  return { disks, obstacles };
}

function compareDisk(
  saved: { name: string; sizeBytes: number; fence: string | null },
  now: { path: string; sizeBytes: number; fence: string | null },
): Obstacle[] {
  if (saved.sizeBytes !== now.sizeBytes) {
    return [
      {
        code: 'E_DISK_CHANGED',
        message: `the disk ${saved.name} (${now.path}) has ${now.sizeBytes} bytes, not ${saved.sizeBytes}`,
        hint: 'connect the disk of the snapshot, or one of the same size: `torpor os add --replace --disk ID`',
      },
    ];
  }
  if (saved.fence === now.fence) return [];
  return [
    {
      code: 'E_DISK_CHANGED',
      message: `the shared disk ${saved.name} (${now.path}) was changed after the snapshot, whose memory holds parts of it`,
      hint: 'put the shared disk back to its state at the snapshot, or register it as a disk of the OS itself before saving',
    },
  ];
}

/** The snapshot's memory as ranges of this machine. */
export function memoryRanges(snapshot: Snapshot) {
  const { memory, low } = snapshot.description.machine.slot;
  return { memory: rangeFrom(memory), low: low === null ? null : rangeFrom(low) };
}

/** The parked stub lies in the slot's memory: it names its slot. */
export function stubIsInside(snapshot: Snapshot): boolean {
  const { stub } = snapshot.description.kernel;
  return contains(memoryRanges(snapshot).memory, rangeFrom({ start: stub, end: stub + 4096 }));
}

/** The plan as `--dry-run --json` prints it. */
export function describeRestorePlan(plan: RestorePlan) {
  const { snapshot, slot, replaces, disks, obstacles } = plan;
  const { memory, low } = memoryRanges(snapshot);
  return {
    reference: snapshot.reference,
    id: snapshot.id,
    created: new Date(snapshot.createdMs).toISOString(),
    slot: slot?.index ?? null,
    replaces: replaces === null ? null : { name: replaces.name, state: replaces.state },
    memory: [memory, ...(low === null ? [] : [low])],
    disks,
    obstacles,
  };
}
