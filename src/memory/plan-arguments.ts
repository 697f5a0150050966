import { TorporError } from '../base/errors.ts';
import { type PhysRange, rangeOf, sizeOf } from '../base/ranges.ts';
import { hex, kernelSize, PHYS_ADDR_LIMIT } from '../base/units.ts';
import type { MemoryPlan, SlotPlan } from './memory-plan.ts';
import { MAX_GUESTS, SWITCHBOARD_SIZE_BYTES } from './plan-rules.ts';
import { reservations } from './reservations.ts';

const SWITCHBOARD = 'torpor.switchboard=';
const SLOTS = 'torpor.slots=';

/**
 * The kernel arguments that put a plan into force on home: memmap= keeps its kernel away from the
 * ranges, torpor.* is where a running home reads the plan back.
 */
export function encodePlanArguments(plan: MemoryPlan): string[] {
  const slots = plan.slots.map(({ memory, low }) => `${encodeRange(memory)}@${encodeRange(low)}`);
  return [
    ...reservations(plan).map((range) => `memmap=${kernelSize(sizeOf(range))}$${hex(range.start)}`),
    `${SWITCHBOARD}${hex(plan.switchboard.start)}`,
    `${SLOTS}${slots.join(',')}`,
  ];
}

/**
 * The arguments as they stand between the double quotes of GRUB_CMDLINE_LINUX in
 * /etc/default/grub: that file is a shell script (`\\\$` becomes `\$`), and what grub-mkconfig
 * makes of it is a GRUB script (`\$` becomes `$`).
 */
export function encodeGrubArguments(plan: MemoryPlan): string {
  return encodePlanArguments(plan).join(' ').replaceAll('$', '\\\\\\$');
}

/**
 * Reads the plan from a kernel command line. Null when it holds none (a guest, a machine that was
 * never set up). Throws E_NO_PLAN when it holds half of one or a malformed one. checkPlan is the
 * caller's.
 */
export function decodePlanArguments(commandLine: string): MemoryPlan | null {
  const slotsText = lastValue(commandLine, SLOTS);
  if (slotsText === null) return null;
  const switchboardText = lastValue(commandLine, SWITCHBOARD);
  const switchboard =
    switchboardText === null ? null : decodeRange(`${switchboardText}+${SWITCHBOARD_SIZE_BYTES}`);
  if (switchboard === null) throw malformed(SWITCHBOARD, switchboardText ?? '');
  const parts = slotsText.split(',');
  if (parts.length > MAX_GUESTS) throw malformed(SLOTS, `${parts.length} slots`);
  const slots = parts.map((part, position): SlotPlan => {
    const [memoryText = '', lowText = '', ...rest] = part.split('@');
    const memory = decodeRange(memoryText);
    const low = decodeRange(lowText);
    if (memory === null || low === null || rest.length > 0) throw malformed(SLOTS, part);
    return { index: position + 1, memory, low };
  });
  return { switchboard, slots };
}

/** `0x20000000+512M` */
function encodeRange(range: PhysRange): string {
  return `${hex(range.start)}+${kernelSize(sizeOf(range))}`;
}

function decodeRange(text: string): PhysRange | null {
  const match = /^(0x[0-9a-f]{1,13}|\d{1,16})\+(\d{1,16})([KMG]?)$/i.exec(text);
  if (match === null) return null;
  const units: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
  const start = Number(match[1]);
  const size = Number(match[2]) * units[match[3]!.toUpperCase()]!;
  return size > 0 && start + size <= PHYS_ADDR_LIMIT ? rangeOf(start, size) : null;
}

/** A kernel takes the last of several; so does this. A GRUB or shell quote may stand around it. */
function lastValue(commandLine: string, key: string): string | null {
  const found = commandLine
    .trim()
    .split(/\s+/)
    .findLast((word) => word.startsWith(key));
  return found?.slice(key.length) ?? null;
}

function malformed(key: string, value: string): TorporError {
  return new TorporError(
    'E_NO_PLAN',
    `the memory plan on the kernel command line is not valid at “${key}${value.slice(0, 80)}”`,
    {
      facts: { argument: key.slice(0, -1), value: value.slice(0, 200) },
      hint: 'run `torpor plan`, put its kernel arguments in place of the old ones, and restart',
    },
  );
}

export { checkReserved } from './check-reserved.ts';
