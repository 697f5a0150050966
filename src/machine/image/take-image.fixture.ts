import { PAGE_BYTES } from '../../base/units.ts';
import type { ImageFacts } from './image-facts.ts';

export const FACTS: ImageFacts = {
  os: 'debian12',
  tag: 'one',
  note: '',
  createdMs: 1_770_000_000_000,
  machine: {
    firmwareMap: [{ start: 0, end: 1 << 29, type: 'usable' }],
    cpu: { vendor: 'GenuineIntel', model: 'x', flags: [], la57: false, processors: 2 },
  },
  kernel: { release: '6.12.0', bootId: 'b', commandLine: null },
};

/** Somewhere beside all that is saved. */
export const BANK = { source: '/dev/vdd', mountPoint: '/bank', type: 'ext4', options: 'rw' };

/** Of an area in two pieces, neither at the device's beginning. */
export const PLAN = {
  staging: {
    device: '/dev/vdb',
    extents: [
      { start: 100 * PAGE_BYTES, sizeBytes: 300 * PAGE_BYTES },
      { start: 8 * PAGE_BYTES, sizeBytes: 60 * PAGE_BYTES },
      { start: 410 * PAGE_BYTES, sizeBytes: 400 * PAGE_BYTES },
    ],
  },
  bank: BANK,
  id: 'ab'.repeat(16),
  createdMs: FACTS.createdMs,
  reference: 'debian12@one',
  filesystems: ['/', '/srv'],
  disks: [{ name: 'dev:vda', path: '/dev/vda' }],
  facts: JSON.stringify(FACTS),
};
