import { TorporError } from '../base/errors.ts';
import type { Sys } from '../sys/sys.ts';

const BLOCK = '/sys/class/block';
const PARTUUID = 'PARTUUID=';
/** A page of SCSI vital product data has this head before the serial number (SPC-4, 7.8.16). */
const VPD_HEAD_BYTES = 4;
const MAX_LINKS = 8;

/** A disk or partition of this machine. */
export interface FoundDisk {
  /** The kernel's name, such as `vdb` or `nvme0n1p2`. */
  readonly kernelName: string;
  readonly path: string;
}

/**
 * Finds a disk by its serial number (virtio, NVMe, SCSI and AHCI), by a path below /dev, or a partition
 * by `PARTUUID=…`. Null when this machine has none.
 */
export function findDisk(sys: Sys, id: string): FoundDisk | null {
  if (id.startsWith('/')) return findByPath(sys, id);
  if (id.toUpperCase().startsWith(PARTUUID))
    return findByPartUuid(sys, id.slice(PARTUUID.length).toLowerCase());
  const name = sys.listDirectory('/sys/block').find((disk) => id !== '' && serialOf(sys, disk) === id);
  return name === undefined ? null : diskOf(name);
}

/** What holds a disk, or a part or the whole of it, on this very kernel: mount points, swap, other devices. */
export function findHolders(sys: Sys, disk: FoundDisk): string[] {
  const names = relatedNames(sys, disk.kernelName);
  const holders = names.flatMap((name) => sys.listDirectory(`${BLOCK}/${name}/holders`));
  return [...mountPoints(sys, names), ...swaps(sys, names), ...holders];
}

/** Two disks are the same, or one is a part of the other. */
export function isSameDisk(sys: Sys, a: FoundDisk, b: FoundDisk): boolean {
  return relatedNames(sys, a.kernelName).includes(b.kernelName);
}

/** E_DISK_IN_USE when this kernel uses the disk: then its content is not what is on the disk. */
export function requireFree(sys: Sys, disk: FoundDisk, name: string): void {
  const holders = findHolders(sys, disk);
  if (holders.length === 0) return;
  throw new TorporError(
    'E_DISK_IN_USE',
    `the disk ${name} (${disk.path}) is in use here: ${holders.join(', ')}`,
    {
      facts: { disk: name, path: disk.path, holders },
      hint: `\`umount ${holders[0]}\`, or correct the disks of the OS with \`torpor os add --replace\``,
    },
  );
}

function diskOf(kernelName: string): FoundDisk {
  // Some names have a slash below /dev, which sysfs writes as an exclamation mark (cciss!c0d0).
  return { kernelName, path: `/dev/${kernelName.replaceAll('!', '/')}` };
}

function serialOf(sys: Sys, name: string): string {
  const text =
    readQuietly(sys, `/sys/block/${name}/serial`) ??
    readQuietly(sys, `/sys/block/${name}/device/serial`) ??
    readQuietly(sys, `/sys/block/${name}/device/vpd_pg80`)?.subarray(VPD_HEAD_BYTES) ??
    new Uint8Array();
  return Buffer.from(text).toString('latin1').replaceAll('\0', '').trim();
}

/** Some drivers fail these reads for disks without a serial number. */
function readQuietly(sys: Sys, path: string): Uint8Array | null {
  try {
    return sys.readBinaryFile(path);
  } catch {
    return null;
  }
}

function findByPath(sys: Sys, path: string): FoundDisk | null {
  const place = followLinks(sys, path);
  if (place === null || !place.startsWith('/dev/')) return null;
  const kernelName = place.slice('/dev/'.length).replaceAll('/', '!');
  return sys.listDirectory(BLOCK).includes(kernelName) ? diskOf(kernelName) : null;
}

function findByPartUuid(sys: Sys, uuid: string): FoundDisk | null {
  const linked = findByPath(sys, `/dev/disk/by-partuuid/${uuid}`);
  if (linked !== null) return linked;
  // Without udev. Kernels name it there since 6.9 (block/partitions/core.c, part_uevent).
  const name = sys.listDirectory(BLOCK).find((candidate) => {
    const uevent = readQuietly(sys, `${BLOCK}/${candidate}/uevent`);
    return Buffer.from(uevent ?? [])
      .toString('latin1')
      .toLowerCase()
      .split('\n')
      .includes(`partuuid=${uuid}`);
  });
  return name === undefined ? null : diskOf(name);
}

function followLinks(sys: Sys, path: string): string | null {
  let place = path;
  for (let links = 0; links < MAX_LINKS; links += 1) {
    let target: string | null;
    try {
      target = sys.readLink(place);
    } catch {
      // EINVAL: it is no link.
      return place;
    }
    if (target === null) return place;
    place = normalise(
      target.startsWith('/') ? target : `${place.slice(0, place.lastIndexOf('/'))}/${target}`,
    );
  }
  return null;
}

function normalise(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** The disk itself, its partitions, and the disk that it is a partition of. */
function relatedNames(sys: Sys, name: string): string[] {
  const isPartition = sys.readTextFile(`${BLOCK}/${name}/partition`) !== null;
  if (isPartition) return [name, ...parentOf(sys, name)];
  // nvme0n1 has nvme0n1p1, vdb has vdb1.
  const inside = sys.listDirectory(`${BLOCK}/${name}`).filter((entry) => entry.startsWith(name));
  return [name, ...inside];
}

/** /sys/class/block/vdb1 leads to …/block/vdb/vdb1. */
function parentOf(sys: Sys, partition: string): string[] {
  const parent = sys.readLink(`${BLOCK}/${partition}`)?.split('/').at(-2);
  return parent === undefined ? [] : [parent];
}

/** proc_pid_mountinfo(5): the third field is the device's number, the one after “ - TYPE” its path. */
function mountPoints(sys: Sys, names: readonly string[]): string[] {
  const numbers = names.map((name) => sys.readTextFile(`${BLOCK}/${name}/dev`)?.trim());
  const paths = names.map((name) => diskOf(name).path);
  return (sys.readTextFile('/proc/self/mountinfo') ?? '').split('\n').flatMap((line) => {
    const [left = '', right = ''] = line.split(' - ');
    const [, , number, , place] = left.split(' ');
    const source = right.split(' ')[1] ?? '';
    const isHere = numbers.includes(number) || paths.includes(followLinks(sys, source) ?? source);
    return isHere && place !== undefined && line !== '' ? [place] : [];
  });
}

function swaps(sys: Sys, names: readonly string[]): string[] {
  const lines = (sys.readTextFile('/proc/swaps') ?? '').split('\n').slice(1);
  const paths = names.map((name) => diskOf(name).path);
  const used = lines.map((line) => line.split(/\s/)[0] ?? '').filter((path) => paths.includes(path));
  return used.map((path) => `swap on ${path}`);
}
