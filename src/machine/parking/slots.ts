import { TorporError } from '../../base/errors.ts';
import { alignUp, MIB, PAGE_BYTES } from '../../base/units.ts';
import { type ParkingArea, slotPlace } from '../../engine/image/parking-area.ts';
import { StagingArea } from '../../engine/image/staging-area.ts';
import type { Section, StagingHeader } from '../../engine/image/staging-layout.ts';
import type { ImageSys } from '../../sys/image-sys.ts';
import { xxh64 } from '../../sys/xxh64.ts';
import { type ParkedFacts, parseParkedFacts } from './parked-facts.ts';

/** An OS whose whole memory is in a slot. */
export interface ParkedOs {
  readonly slot: number;
  readonly os: string;
  /** Of the attempt that parked it. */
  readonly id: string;
  readonly createdMs: number;
  readonly image: Section;
  readonly facts: ParkedFacts;
}

/** A slot: empty, with an OS, or with something that cannot be read. */
export type SlotContent =
  | { readonly slot: number; readonly state: 'empty' }
  | { readonly slot: number; readonly state: 'parked'; readonly parked: ParkedOs }
  | { readonly slot: number; readonly state: 'damaged'; readonly what: string };

const MAX_FACTS_BYTES = MIB;

/** Looks at every slot; throws only when the device cannot be read. */
export function readSlots(image: ImageSys, area: ParkingArea): SlotContent[] {
  return Array.from({ length: area.head.slots }, (_, slot) => readSlot(image, area, slot));
}

export function readSlot(image: ImageSys, area: ParkingArea, slot: number): SlotContent {
  const staging = new StagingArea(image, slotPlace(area, slot), 'read');
  try {
    const header = staging.readHeader();
    if (header === null) return { slot, state: 'empty' };
    return { slot, state: 'parked', parked: decodeParked(staging, slot, header) };
  } catch (error) {
    if (error instanceof RangeError) return { slot, state: 'damaged', what: error.message };
    if (error instanceof TorporError && error.code === 'E_STAGING')
      return { slot, state: 'damaged', what: String(error.facts.what ?? error.message) };
    throw error;
  } finally {
    staging.close();
  }
}

function decodeParked(staging: StagingArea, slot: number, header: StagingHeader): ParkedOs {
  const image = header.sections.find(({ kind }) => kind === 'image');
  const about = header.sections.find(({ kind }) => kind === 'facts');
  if (header.state !== 'parked' || image === undefined || about === undefined)
    throw new RangeError('it is no parked OS');
  const isSound = about.sizeBytes <= Math.min(MAX_FACTS_BYTES, about.dataPages * PAGE_BYTES);
  if (!isSound) throw new RangeError('its description is absurd');
  const text = new Uint8Array(alignUp(about.sizeBytes, PAGE_BYTES));
  staging.readAny(about.firstPage, text);
  if (xxh64(text) !== about.checksum) throw new RangeError('its description has changed');
  const facts = parseParkedFacts(Buffer.from(text.subarray(0, about.sizeBytes)).toString('utf8'));
  const { id, createdMs, reference } = header;
  if (facts.os !== reference) throw new RangeError('its description is of another OS');
  return { slot, os: reference, id, createdMs, image, facts };
}

/** All parked OSes, the one that was parked last first. */
export function listParked(image: ImageSys, area: ParkingArea): ParkedOs[] {
  return readSlots(image, area)
    .flatMap((content) => (content.state === 'parked' ? [content.parked] : []))
    .toSorted((a, b) => b.createdMs - a.createdMs);
}

/** Throws E_NOT_PARKED. */
export function findParked(image: ImageSys, area: ParkingArea, os: string): ParkedOs {
  const all = listParked(image, area);
  const found = all.find((parked) => parked.os === os);
  if (found !== undefined) return found;
  const names = all.map((parked) => parked.os);
  throw new TorporError('E_NOT_PARKED', `“${os}” is not parked on ${area.device}`, {
    facts: { os, device: area.device, parked: names },
    hint:
      names.length > 0
        ? `parked are: ${names.join(', ')}`
        : 'the first time each OS has to be started: `torpor park --restart` parks this one and starts the machine anew; start the other one then, run `torpor parking use DISK` in it, and switch from there',
  });
}

/** Empties a slot: what was parked there does not come back. */
export function dropSlot(image: ImageSys, area: ParkingArea, slot: number): void {
  const staging = new StagingArea(image, slotPlace(area, slot));
  try {
    staging.discard();
  } finally {
    staging.close();
  }
}
