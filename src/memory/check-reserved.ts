import { TorporError } from '../base/errors.ts';
import { formatRange, overlaps, type PhysRange } from '../base/ranges.ts';
import { PHYS_ADDR_LIMIT, physAddr } from '../base/units.ts';
import type { MemoryPlan } from './memory-plan.ts';
import { planRanges } from './reservations.ts';

/**
 * Checks with the text of /proc/iomem that the running kernel keeps out of the plan's ranges.
 * Throws E_NOT_ROOT (an unprivileged reader sees only zeros), E_NO_FIRMWARE_MAP (no text) and
 * E_NO_PLAN (a range is this kernel's RAM: its memmap= did not take effect).
 */
export function checkReserved(iomem: string, plan: MemoryPlan): void {
  const ram = parseSystemRam(iomem);
  for (const { name, range } of planRanges(plan)) {
    const used = ram.find((candidate) => overlaps(candidate, range));
    if (used === undefined) continue;
    throw new TorporError(
      'E_NO_PLAN',
      `the running kernel uses ${name}, ${formatRange(range)}, as its own RAM`,
      {
        facts: { range: formatRange(range), systemRam: formatRange(used) },
        hint: 'its memmap= arguments did not arrive: compare /proc/cmdline with `torpor plan`; in /etc/default/grub a $ is written \\\\\\$',
      },
    );
  }
}

/** The `System RAM` lines of /proc/iomem; their ends are inclusive. */
function parseSystemRam(iomem: string): PhysRange[] {
  const lines = [...iomem.matchAll(/^ *([0-9a-f]{1,16})-([0-9a-f]{1,16}) : (.*)$/gim)];
  if (lines.length === 0) {
    throw new TorporError('E_NO_FIRMWARE_MAP', '/proc/iomem is empty or cannot be read', {
      facts: { path: '/proc/iomem' },
      hint: 'mount /proc',
    });
  }
  const ranges = lines.map((line) => ({
    start: Number.parseInt(line[1]!, 16),
    end: Math.min(Number.parseInt(line[2]!, 16) + 1, PHYS_ADDR_LIMIT),
    name: line[3]!.trim(),
  }));
  if (ranges.every((range) => range.start === 0 && range.end === 1)) {
    throw new TorporError('E_NOT_ROOT', '/proc/iomem shows its addresses only to root', {
      facts: { path: '/proc/iomem' },
      hint: 'run the command as root',
    });
  }
  return ranges
    .filter((range) => range.name === 'System RAM' && range.start < range.end)
    .map((range) => ({ start: physAddr(range.start), end: physAddr(range.end) }));
}
