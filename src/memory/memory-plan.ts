import type { PhysRange } from '../base/ranges.ts';

/** How the firmware (e820, UEFI) describes a physical range. */
export type FirmwareType =
  | 'usable'
  | 'reserved'
  | 'acpi'
  | 'nvs'
  | 'unusable'
  | 'persistent'
  | 'soft-reserved';

export interface FirmwareRange extends PhysRange {
  readonly type: FirmwareType;
}

/** Ranges in ascending order that do not overlap. */
export type FirmwareMap = readonly FirmwareRange[];

/** Memory for one guest OS. Slot 0 is home, the OS that the firmware boots; it is in no plan. */
export interface SlotPlan {
  /** 1, 2, … */
  readonly index: number;
  /** 2 MiB aligned, inside one usable firmware range. */
  readonly memory: PhysRange;
  /** The slot's own pages below 640 KiB (the kernel's start-up code for its other processors). */
  readonly low: PhysRange;
}

/** Who owns which physical memory. A value: computed, checked whole, printed, then applied. */
export interface MemoryPlan {
  /** 1 MiB, 1 MiB aligned, directly below the first slot. */
  readonly switchboard: PhysRange;
  readonly slots: readonly SlotPlan[];
}
