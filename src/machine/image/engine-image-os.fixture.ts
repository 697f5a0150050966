import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { Bank } from '../../bank/bank.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import { KERNEL, memoryOf, streamOf } from '../../engine/image/image.fixture.ts';
import { readImageStream } from '../../engine/image/image-stream.ts';
import { readE820Checksum } from '../../engine/image/loader.ts';
import type { FakeSys } from '../../sys/fake.ts';
import { FakeImageSys } from '../../sys/image-sys.fake.ts';
import { openStorage } from '../../sys/linux/storage.ts';
import type { OsName } from '../engine.contract.ts';
import { runOs } from '../parking/parking.fixture.ts';
import { STAGING_FILE } from './staging-place.ts';

/** The bank's, with nothing on it but the staging area; the bank is a directory. */
export const BANK_DISK = '/dev/vdd';
export const EXTENTS = [{ start: 0, sizeBytes: 200 * PAGE_BYTES }];
const HOOKS = ['pre-park', 'post-resume', 'post-restore'] as const;

export type Disks = ReadonlyMap<string, Uint8Array>;

/** The OS as it runs on these disks, with hooks of every kind. */
export function startOn(image: FakeImageSys, os: OsName, files: Record<string, string>): FakeSys {
  const sys = runOs(image, os, {
    [STAGING_FILE]: `${JSON.stringify({ version: 1, disk: 'dev:vdd', extents: EXTENTS })}\n`,
    [BANK_DISK]: '',
    '/sys/class/block/vdd/size': '1600\n',
    ...Object.fromEntries(HOOKS.map((kind) => [`/etc/torpor/${kind}.d/hook`, ''])),
    ...files,
  });
  image.files.set('/srv/torpor-staging', [...EXTENTS]);
  image.failing.clear();
  return sys;
}

/** The image of an OS with that in its memory: a byte. */
export function streamFor(sys: FakeSys, os: OsName, memory: number): Uint8Array {
  const kernel = { ...KERNEL, e820Checksum: readE820Checksum(sys)! };
  const pages = memoryOf([
    [3, memory],
    [4, 0],
    [9, 255],
  ]);
  return streamOf(pages, os === 'debian12' ? 'plain' : 'zero-flag', kernel);
}

/** The other way round: the first byte of the first page. */
export function memoryIn(stream: Uint8Array): number {
  const { firstDataPage } = readImageStream(stream.length / PAGE_BYTES, (page, into) =>
    into.set(stream.subarray(page * PAGE_BYTES, page * PAGE_BYTES + into.length)),
  );
  return stream[firstDataPage * PAGE_BYTES]!;
}

/** What is on all disks at a moment. */
export function photograph(image: FakeImageSys): Disks {
  return new Map([...image.disks].map(([path, { bytes }]) => [path, bytes.slice()]));
}

export function withDisks(disks: Disks): FakeImageSys {
  const image = new FakeImageSys();
  for (const [path, bytes] of disks) image.addDisk(path, bytes.slice());
  return image;
}

/** In a directory that goes with the test. */
export function emptyBank(): string {
  const root = mkdtempSync(join(tmpdir(), 'torpor-engine-'));
  after(() => rmSync(root, { recursive: true }));
  const directory = join(root, 'bank');
  Bank.create(openStorage(directory)).close();
  return directory;
}
