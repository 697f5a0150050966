import { PAGE_BYTES } from '../../base/units.ts';
import { KERNEL, memoryOf, streamOf } from '../../engine/image/image.fixture.ts';
import { readE820Checksum } from '../../engine/image/loader.ts';
import { formatParkingArea } from '../../engine/image/parking-area.ts';
import { FakeSys } from '../../sys/fake.ts';
import { FakeImageSys } from '../../sys/image-sys.fake.ts';
import { PARKING_FILE } from '../this-os.ts';

export const AREA = '/dev/vdc';
export const MEMORIES = {
  debian12: memoryOf([
    [3, 1],
    [4, 0],
    [9, 2],
  ]),
  debian13: memoryOf([
    [2, 7],
    [3, 0],
    [4, 0],
    [5, 8],
  ]),
} as const;
export type OsName = keyof typeof MEMORIES;
const RELEASES = { debian12: '6.1.0-50-amd64', debian13: '6.12.117+deb13-amd64' };
const DISKS = { debian12: 'vda', debian13: 'vdb' } as const;

const GROUPS = '/sys/fs/cgroup';
const AREA_PAGES = 3 * 256;

/** One machine's disks, which outlive its OSes. */
export function makeDisks(): FakeImageSys {
  const image = new FakeImageSys();
  for (const name of Object.values(DISKS))
    image.addDisk(`/dev/${name}`, new Uint8Array(16 * PAGE_BYTES).fill(3));
  image.addDisk(AREA, new Uint8Array(AREA_PAGES * PAGE_BYTES));
  formatParkingArea(image, AREA, 2, 1);
  return image;
}

/** The OS of that name as it runs on the machine with these disks. */
export function runOs(image: FakeImageSys, os: OsName, files: Record<string, string> = {}): FakeSys {
  const disk = DISKS[os];
  const sys = new FakeSys({
    release: RELEASES[os],
    files: {
      [PARKING_FILE]: JSON.stringify({ version: 1, disk: 'dev:vdc', os, shared: [] }),
      '/etc/machine-id': `${os}-id\n`,
      '/dev/snapshot': '',
      '/proc/swaps': 'Filename Type Size Used Priority\n',
      '/proc/cmdline': 'quiet\n',
      '/proc/sys/kernel/random/boot_id': `${os}-boot`,
      '/proc/cpuinfo': CPU,
      '/proc/zoneinfo': `Node 0, zone Normal\n        present  ${KERNEL.physPages}\n`,
      '/proc/meminfo': 'MemTotal: 500000 kB\nMemAvailable:     400000 kB\n',
      '/proc/self/mountinfo': [
        `22 1 254:${disk === 'vda' ? 0 : 16} / / rw,relatime shared:1 - xfs /dev/${disk} rw`,
        '23 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw',
        '',
      ].join('\n'),
      '/proc/self/cgroup': '0::/user.slice/session-1.scope\n',
      ...group('init.scope'),
      ...group('system.slice'),
      ...group('user.slice'),
      [`${GROUPS}/cgroup.procs`]: '2\n',
      '/proc/2/stat': '2 (kthreadd) S 0 0 0 0 -1 2129984 0 0',
      ...blockDevice('vda', 0),
      ...blockDevice('vdb', 16),
      ...blockDevice('vdc', 32),
      ...FIRMWARE,
      ...files,
    },
    links: {
      '/sys/dev/block/254:0': '../../devices/x/block/vda',
      '/sys/dev/block/254:16': '../../devices/x/block/vdb',
      '/sys/dev/block/254:48': '../../devices/x/block/vdd',
    },
  });
  const kernel = { ...KERNEL, e820Checksum: readE820Checksum(sys)! };
  image.stream = streamOf(MEMORIES[os], os === 'debian12' ? 'plain' : 'zero-flag', kernel);
  image.written = new Uint8Array();
  image.comesBack = false;
  image.calls.splice(0);
  return sys;
}

function blockDevice(name: string, minor: number): Record<string, string> {
  return {
    [`/dev/${name}`]: '',
    [`/sys/class/block/${name}/size`]: '128\n',
    [`/sys/class/block/${name}/dev`]: `254:${minor}\n`,
  };
}

/** A group of programs that freezes as soon as it is told to. */
function group(name: string): Record<string, string> {
  return {
    [`${GROUPS}/${name}/cgroup.freeze`]: '0\n',
    [`${GROUPS}/${name}/cgroup.events`]: 'populated 1\nfrozen 1\n',
  };
}

const FIRMWARE = {
  '/sys/firmware/memmap/0/start': '0x0',
  '/sys/firmware/memmap/0/end': '0x1fffffff',
  '/sys/firmware/memmap/0/type': 'System RAM',
};
const CPU = 'processor : 0\nvendor_id : GenuineIntel\nmodel name : x\nflags : fpu\n\n';
