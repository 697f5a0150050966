import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { Bank } from '../../bank/bank.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import { memoryOf, streamOf } from '../../engine/image/image.fixture.ts';
import { readE820Checksum } from '../../engine/image/loader.ts';
import type { FakeDisk } from '../../sys/block-device.fake.ts';
import { FakeSys } from '../../sys/fake.ts';
import { FakeImageSys } from '../../sys/image-sys.fake.ts';
import { openStorage } from '../../sys/linux/storage.ts';
import type { ImageSession } from './image-session.ts';

export const AREA_PAGES = 400;
const PHYS_PAGES = 512;
export const DISK_PAGES = 12;

/** A running stock system with a disk, a staging area and an empty bank; the process that runs alone is a call. */
export interface FakeStock {
  readonly sys: FakeSys;
  readonly image: FakeImageSys;
  readonly session: ImageSession;
  readonly disk: FakeDisk;
  readonly area: FakeDisk;
}

export function makeFakeStock(): FakeStock {
  const directory = mkdtempSync(join(tmpdir(), 'torpor-session-'));
  after(() => rmSync(directory, { recursive: true }));
  const bankDirectory = join(directory, 'bank');
  Bank.create(openStorage(bankDirectory)).close();
  const sys = new FakeSys({
    release: '6.12.9',
    files: {
      '/sys/firmware/memmap/0/start': '0x0\n',
      '/sys/firmware/memmap/0/end': '0x1fffff\n',
      '/sys/firmware/memmap/0/type': 'System RAM\n',
      '/proc/meminfo': 'MemAvailable:    500000 kB\n',
      '/proc/zoneinfo': `Node 0, zone DMA\n        present  ${PHYS_PAGES}\n`,
      '/proc/cpuinfo': 'processor : 0\nvendor_id : GenuineIntel\nmodel name : x\nflags : fpu\n',
      '/dev/vda': '',
      '/sys/class/block/vda/size': `${DISK_PAGES * 8}\n`,
    },
  });
  const image = new FakeImageSys();
  const area = image.addDisk('/dev/vdc', new Uint8Array(AREA_PAGES * PAGE_BYTES));
  const disk = image.addDisk('/dev/vda', new Uint8Array(DISK_PAGES * PAGE_BYTES).fill(7, PAGE_BYTES));
  const memory = memoryOf([
    [3, 1],
    [4, 0],
    [9, 2],
  ]);
  const kernel = { ...KERNEL_HERE, e820Checksum: readE820Checksum(sys)!, physPages: PHYS_PAGES };
  image.stream = streamOf(memory, 'zero-flag', kernel);
  const vdb = { kernelName: 'vdb', path: '/dev/vdb' };
  const bank = {
    mountPoint: '/srv',
    type: 'ext4',
    options: 'rw',
    isWritable: true,
    disk: vdb,
    source: '/dev/vdb',
  };
  const root = {
    ...bank,
    mountPoint: '/',
    disk: { kernelName: 'vda', path: '/dev/vda' },
    source: '/dev/vda',
  };
  const session: ImageSession = {
    sys,
    image,
    bankPlace: { directory: bankDirectory },
    own: { filesystems: [root], disks: [{ name: 'dev:vda', path: '/dev/vda' }], bank },
    staging: { device: '/dev/vdc', extents: [{ start: 0, sizeBytes: AREA_PAGES * PAGE_BYTES }] },
  };
  return { sys, image, session, disk, area };
}

const KERNEL_HERE = { jumpAddress: 0xffff_ffff_8106_1000n, jumpAddressPhys: 0x106_1000n, cr3: 0x2a0_e000n };
