import type { RestoreRecord } from '../bank/snapshot.ts';
import { sizeOf } from '../base/ranges.ts';
import { type SwitchReport, switchReportSchema } from '../engine/resident/switch-report.ts';
import type { SlotRecord, SnapshotOrigin } from '../switchboard/record.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';

/** One slot, as `torpor status` shows it. */
export interface SlotStatus {
  readonly slot: number;
  readonly name: string;
  readonly state: SlotRecord['state'];
  /** Null for home, which has all the rest. */
  readonly memoryBytes: number | null;
  readonly kernelRelease: string;
  /** ISO 8601; null unknown. */
  readonly since: string | null;
  /** It has announced itself since it was started. */
  readonly joined: boolean;
  /** A panic of it would come back to the others. */
  readonly crashArmed: boolean;
  readonly bootId: string;
  /** The snapshot that it was last saved to or restored from. */
  readonly snapshot: (SnapshotOrigin & { readonly reference: string | null }) | null;
}

export interface MachineStatus {
  readonly running: string;
  /** Switches since home started. */
  readonly switches: number;
  readonly slots: readonly SlotStatus[];
  readonly lastSwitch: SwitchReport | null;
  /** A restore that was interrupted, as far as this OS can see the bank. */
  readonly unfinishedRestore: RestoreRecord | null;
}

/** What the bank adds to the state of a machine; only home sees it. */
export interface BankView {
  /** By the id of the snapshot: `OS@TAG`. */
  readonly references: ReadonlyMap<string, string>;
  readonly unfinishedRestore: RestoreRecord | null;
}

const NO_BANK: BankView = { references: new Map(), unfinishedRestore: null };

/** The state of a whole machine, from its switchboard. */
export function readStatus(switchboard: Switchboard, bank: BankView = NO_BANK): MachineStatus {
  return {
    running: switchboard.running().name,
    switches: switchboard.control().sequence,
    slots: switchboard.records().map((record) => ({
      slot: record.index,
      name: record.name,
      state: record.state,
      memoryBytes: record.index === 0 ? null : sizeOf(record.memory),
      kernelRelease: record.kernelRelease,
      since: record.sinceMs === 0 ? null : new Date(record.sinceMs).toISOString(),
      joined: record.joined,
      crashArmed: record.crashArmed,
      bootId: record.bootId,
      snapshot:
        record.snapshot === null
          ? null
          : { ...record.snapshot, reference: bank.references.get(record.snapshot.id) ?? null },
    })),
    lastSwitch: readLastSwitch(switchboard),
    unfinishedRestore: bank.unfinishedRestore,
  };
}

/** The report of the last switch. It only informs, so a damaged one counts as none. */
export function readLastSwitch(switchboard: Switchboard): SwitchReport | null {
  try {
    return switchReportSchema.parse(switchboard.readLastSwitch());
  } catch {
    return null;
  }
}
