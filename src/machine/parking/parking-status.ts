import { PAGE_BYTES } from '../../base/units.ts';
import type { ImageSys } from '../../sys/image-sys.ts';
import type { Sys } from '../../sys/sys.ts';
import { openParking } from './parking-place.ts';
import { checkDisks } from './plan-resume.ts';
import { readSlots } from './slots.ts';

/** A slot of the parking area, as `torpor status` shows it. */
export interface ParkedStatus {
  readonly slot: number;
  /** `stale`: it stands still, and its disks did not. */
  readonly state: 'empty' | 'parked' | 'stale' | 'damaged';
  readonly os: string;
  /** ISO 8601 */
  readonly since: string | null;
  readonly kernelRelease: string;
  readonly imageBytes: number | null;
  readonly disks: readonly string[];
  /** Why it cannot go on, as far as its disks say. */
  readonly problems: readonly string[];
}

export interface StockStatus {
  readonly engine: 'image';
  readonly running: string;
  readonly kernelRelease: string;
  readonly parking: {
    readonly device: string;
    readonly slotBytes: number;
    readonly slots: readonly ParkedStatus[];
  };
}

/** The state of a machine on which OSes take turns. Throws what openParking() throws. */
export function readStockStatus(sys: Sys, image: ImageSys): StockStatus {
  const { settings, area } = openParking(sys, image);
  const slots = readSlots(image, area).map((content): ParkedStatus => {
    const { slot, state } = content;
    const nothing = {
      slot,
      os: '',
      since: null,
      kernelRelease: '',
      imageBytes: null,
      disks: [],
      problems: [],
    };
    if (state === 'empty') return { ...nothing, state };
    if (state === 'damaged') return { ...nothing, state, problems: [content.what] };
    const { parked } = content;
    const problems = checkDisks(sys, image, parked).obstacles;
    return {
      slot,
      state: problems.some(({ code }) => code === 'E_DISK_CHANGED') ? 'stale' : 'parked',
      os: parked.os,
      since: new Date(parked.createdMs).toISOString(),
      kernelRelease: parked.facts.kernel.release,
      imageBytes: parked.image.dataPages * PAGE_BYTES,
      disks: parked.facts.disks.map(({ name }) => name),
      problems: problems.map(({ message }) => message),
    };
  });
  const { device, head } = area;
  const parking = { device, slotBytes: head.slotPages * PAGE_BYTES, slots };
  return { engine: 'image', running: settings.os, kernelRelease: sys.kernelRelease(), parking };
}
