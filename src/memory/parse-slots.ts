import { TorporError } from '../base/errors.ts';
import { parseSize } from '../base/units.ts';
import { MAX_GUESTS } from './plan-rules.ts';

/**
 * `3x512M,1G` → three slots of 512 MiB and one of 1 GiB, bytes each. Throws E_SIZE for a bad size
 * and E_PLAN_SLOTS for a bad list. Whether the sizes fit is planMemory's.
 */
export function parseSlots(text: string): { sizeBytes: number }[] {
  const slots: { sizeBytes: number }[] = [];
  for (const part of text.split(',')) {
    const match = /^(?:(\d{1,3})x)?([^x]+)$/i.exec(part.trim());
    const count = Number(match?.[1] ?? 1);
    if (match === null || count < 1 || slots.length + count > MAX_GUESTS) {
      throw new TorporError('E_PLAN_SLOTS', `“${text}” is not a list of 1 to ${MAX_GUESTS} slots`, {
        facts: { text, part: part.trim() },
        hint: 'write sizes with commas between, such as `--slots 2x4G,512M`',
      });
    }
    const sizeBytes = parseSize(match[2]!);
    for (let made = 0; made < count; made += 1) slots.push({ sizeBytes });
  }
  return slots;
}
