import type { Description } from '../bank/description.ts';
import type { ErrorCodeName } from '../base/error-codes.ts';
import { TorporError } from '../base/errors.ts';
import { contains, formatRange, type PhysRange } from '../base/ranges.ts';
import { hex, physAddr } from '../base/units.ts';
import type { FirmwareMap } from '../memory/memory-plan.ts';
import type { SlotRecord } from '../switchboard/record.ts';
import { type CpuFacts, missingFeatures } from './cpu-facts.ts';

/** Why a snapshot cannot be restored here and now. */
export interface Obstacle {
  readonly code: ErrorCodeName;
  /** What differs, with both sides. */
  readonly message: string;
  readonly hint: string;
}

const SAME_FIRMWARE = 'restore it on the machine, and with the firmware settings, of the snapshot';
const SAME_CPU = 'restore it on the machine of the snapshot';

/** Everything about this machine that differs from the one of the snapshot and that its kernel relies on. */
export function compareMachine(
  machine: Description['machine'],
  here: { firmware: FirmwareMap; switchboard: number; cpu: CpuFacts },
): Obstacle[] {
  const obstacle = (message: string, hint: string): Obstacle => ({ code: 'E_OTHER_MACHINE', message, hint });
  const found: Obstacle[] = [];
  const lines = compareFirmware(machine.firmwareMap, here.firmware);
  if (lines.length > 0)
    found.push(obstacle(`the firmware's memory map differs: ${lines.join('; ')}`, SAME_FIRMWARE));
  if (machine.switchboard !== here.switchboard) {
    const places = `${hex(machine.switchboard)} then, ${hex(here.switchboard)} now`;
    found.push(
      obstacle(
        `the switchboard is elsewhere: ${places}`,
        `restart with the memory plan of the snapshot: torpor.switchboard=${hex(machine.switchboard)}`,
      ),
    );
  }
  const { cpu } = here;
  if (machine.cpu.vendor !== cpu.vendor) {
    const vendors = `${machine.cpu.vendor} then, ${cpu.vendor} now`;
    found.push(obstacle(`the processor is of another maker: ${vendors}`, SAME_CPU));
  }
  const missing = missingFeatures(machine.cpu.flags, cpu.flags);
  // The paging mode has its own sentence.
  const features = missing.filter((flag) => flag !== 'la57');
  if (features.length > 0) found.push(obstacle(`the processor lacks ${features.join(', ')}`, SAME_CPU));
  if (machine.cpu.la57 !== cpu.la57) {
    const levels = (la57: boolean): string => `${la57 ? 5 : 4} levels`;
    found.push({
      code: 'E_PAGING_MODE',
      message: `page tables have ${levels(machine.cpu.la57)} in the snapshot and ${levels(cpu.la57)} here`,
      hint: machine.cpu.la57 ? 'restart home without no5lvl' : 'restart home with no5lvl',
    });
  }
  if (machine.cpu.processors !== cpu.processors) {
    const counts = `${machine.cpu.processors} then, ${cpu.processors} now`;
    found.push(
      obstacle(`the number of processors differs: ${counts}`, 'give the machine as many processors'),
    );
  }
  return found;
}

/** Ranges that only one of two maps has. */
function compareFirmware(then: Description['machine']['firmwareMap'], now: FirmwareMap): string[] {
  const name = (range: { start: number; end: number; type: string }): string =>
    `${formatRange({ start: physAddr(range.start), end: physAddr(range.end) })} ${range.type}`;
  const before = new Set(then.map(name));
  const here = new Set(now.map(name));
  return [
    ...[...before].filter((line) => !here.has(line)).map((line) => `${line} is gone`),
    ...[...here].filter((line) => !before.has(line)).map((line) => `${line} is new`),
  ];
}

/** Why the snapshot's memory cannot be put into this slot. */
export function compareSlot(snapshot: Description['machine']['slot'], slot: SlotRecord): Obstacle[] {
  const { low } = snapshot;
  const pairs = [
    { what: 'memory', wanted: rangeFrom(snapshot.memory), offered: slot.memory },
    ...(low === null ? [] : [{ what: 'low slice', wanted: rangeFrom(low), offered: slot.low }]),
  ];
  return pairs.flatMap(({ what, wanted, offered }): Obstacle[] => {
    if (offered !== null && contains(offered, wanted)) return [];
    const there = offered === null ? 'none' : formatRange(offered);
    return [
      {
        code: 'E_NO_SLOT',
        message: `the ${what} of the snapshot, ${formatRange(wanted)}, is not inside that of slot ${slot.index}, ${there}`,
        hint: 'a kernel cannot move: restart with a memory plan that has a slot there (`torpor plan --at`)',
      },
    ];
  });
}

export function rangeFrom({ start, end }: { start: number; end: number }): PhysRange {
  return { start: physAddr(start), end: physAddr(end) };
}

/** Throws the first obstacle, with all of them as facts. */
export function requireNone(
  obstacles: readonly Obstacle[],
  reference: string,
  verb: 'restored' | 'taken' = 'restored',
): void {
  const [first] = obstacles;
  if (first === undefined) return;
  throw new TorporError(first.code, `${reference} cannot be ${verb} here: ${first.message}`, {
    facts: { snapshot: reference, differences: obstacles.map(({ message }) => message) },
    hint: first.hint,
  });
}
