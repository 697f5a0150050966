import { TorporError } from '../base/errors.ts';
import { sizeOf } from '../base/ranges.ts';
import { formatSize, parseSize } from '../base/units.ts';
import type { SlotRecord } from '../switchboard/record.ts';
import type { RegisteredOs } from './registry.ts';

/** A record of a slot that holds an OS. */
export type ResidentRecord = SlotRecord & { readonly state: Exclude<SlotRecord['state'], 'empty'> };

export function isResident(record: SlotRecord): record is ResidentRecord {
  return record.state !== 'empty';
}

/**
 * The record of a resident OS. Throws E_OS_EMPTY when it has stopped by itself, E_OS_UNKNOWN when no
 * slot holds one of that name.
 */
export function findResident(records: readonly SlotRecord[], name: string): ResidentRecord {
  const found = records.filter(isResident).find((record) => record.name === name);
  if (found !== undefined) return found;
  const left = records.find((record) => record.name === name && name !== '');
  if (left !== undefined) {
    throw new TorporError('E_OS_EMPTY', `“${name}” has stopped: slot ${left.index} is empty`, {
      facts: { name, slot: left.index, state: left.state },
      hint: `start it again with \`torpor boot ${name}\``,
    });
  }
  throw new TorporError('E_OS_UNKNOWN', `no OS called “${name}” is resident`, {
    facts: {
      name,
      resident: records.filter(isResident).map((record) => record.name),
    },
    hint: `\`torpor status\` lists them; \`torpor boot ${name}\` starts a registered one`,
  });
}

/** The slot in which an OS will be booted: its own, or the smallest free one that is large enough. */
export function chooseSlot(records: readonly SlotRecord[], os: RegisteredOs): SlotRecord {
  const wantedBytes = os.memory === undefined ? 0 : parseSize(os.memory);
  const guests = records.filter((record) => record.index !== 0);
  const fits = (record: SlotRecord): boolean => sizeOf(record.memory) >= wantedBytes;
  if (os.slot !== undefined) {
    const own = guests.find((record) => record.index === os.slot);
    if (own === undefined || !fits(own)) throw noSlot(os, guests, `slot ${os.slot} is missing or too small`);
    if (own.state !== 'empty') throw noSlot(os, guests, `slot ${os.slot} holds “${own.name}”`);
    return own;
  }
  const free = guests.filter((record) => record.state === 'empty' && fits(record));
  const best = free.toSorted((a, b) => sizeOf(a.memory) - sizeOf(b.memory))[0];
  if (best === undefined) throw noSlot(os, guests, 'no free slot is large enough');
  return best;
}

function noSlot(os: RegisteredOs, guests: readonly SlotRecord[], why: string): TorporError {
  const slots = guests.map((slot) =>
    `${slot.index}: ${formatSize(sizeOf(slot.memory))} ${slot.state} ${slot.name}`.trim(),
  );
  return new TorporError('E_NO_SLOT', `there is no slot for “${os.name}”: ${why}`, {
    facts: { name: os.name, memory: os.memory ?? null, slots },
    hint: 'free one with `torpor stop OS`, or make others with `torpor plan`',
  });
}
