import { TorporError } from '../../src/base/errors.ts';
import { alignUp, MIB } from '../../src/base/units.ts';
import { encodePlanArguments } from '../../src/memory/plan-arguments.ts';
import { planMemory } from '../../src/memory/plan-memory.ts';
import { SLOT_ALIGNMENT, SWITCHBOARD_SIZE_BYTES, TOP_MARGIN_BYTES } from '../../src/memory/plan-rules.ts';
import type { LabConfig } from '../config/lab-config.ts';
import { modelFirmwareMap } from './firmware-model.ts';

/** How much a machine grows when the hole below 4 GiB leaves a slot no place, and how often. */
const GROWTH_BYTES = 128 * MIB;
const MAX_GROWTHS = 32;

export interface LabMemory {
  /** What QEMU's -m gets. */
  readonly memoryBytes: number;
  /** Home's kernel arguments that put the plan into force; none without guests. */
  readonly planArguments: readonly string[];
}

/**
 * Memory of a machine and its plan, by the product's own planner: as much as the configuration
 * says, else as little as its OSes need. Pure. Throws the codes of planMemory.
 */
export function planLabMemory(
  config: Pick<LabConfig, 'firmware' | 'memoryBytes' | 'home' | 'guests'>,
): LabMemory {
  const slots = config.guests.map((os) => ({ sizeBytes: alignUp(os.memoryBytes, SLOT_ALIGNMENT) }));
  const slotBytes = slots.reduce((sum, slot) => sum + slot.sizeBytes, 0);
  const neededBytes = config.home.memoryBytes + slotBytes + SWITCHBOARD_SIZE_BYTES + TOP_MARGIN_BYTES;
  let memoryBytes = config.memoryBytes ?? alignUp(neededBytes, SLOT_ALIGNMENT);
  if (slots.length === 0) return { memoryBytes, planArguments: [] };
  for (let growths = 0; ; growths += 1) {
    try {
      const { plan } = planMemory(modelFirmwareMap(config.firmware, memoryBytes), { slots });
      return { memoryBytes, planArguments: encodePlanArguments(plan) };
    } catch (error) {
      const isTight = error instanceof TorporError && error.code === 'E_PLAN_NO_ROOM';
      if (!isTight || config.memoryBytes !== null || growths === MAX_GROWTHS) throw error;
      memoryBytes += GROWTH_BYTES;
    }
  }
}
