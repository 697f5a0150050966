import type { Sys } from '../../sys/sys.ts';
import { type FoundDisk, findDisk } from '../disks.ts';

const BLOCK = '/sys/class/block';
/** What the bank takes as a name of a disk. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$/;

/**
 * Names a disk so that another kernel of this machine finds it again: `partuuid:…`, `dm:NAME`, the serial
 * number, or as a last resort `dev:NAME`.
 */
export function nameDisk(sys: Sys, disk: FoundDisk): string {
  const { kernelName } = disk;
  const mapped = sys.readTextFile(`${BLOCK}/${kernelName}/dm/name`)?.trim() ?? '';
  if (NAME.test(mapped) && mapped.length < 60) return `dm:${mapped}`;
  const partition = /^PARTUUID=(\S+)$/m.exec(sys.readTextFile(`${BLOCK}/${kernelName}/uevent`) ?? '')?.[1];
  const uuid = partition ?? linkedUuid(sys, disk);
  if (uuid !== undefined && NAME.test(uuid)) return `partuuid:${uuid}`;
  const serial = (sys.readTextFile(`/sys/block/${kernelName}/serial`) ?? '').replaceAll('\0', '').trim();
  if (NAME.test(serial) && findDisk(sys, serial)?.kernelName === kernelName) return serial;
  return `dev:${kernelName.replaceAll('!', '+')}`;
}

/** Opposite of {@link nameDisk}. Null when this machine has no such disk. */
export function findNamedDisk(sys: Sys, name: string): FoundDisk | null {
  const [kind, rest] = name.includes(':')
    ? [name.slice(0, name.indexOf(':')), name.slice(name.indexOf(':') + 1)]
    : ['', name];
  switch (kind) {
    case 'partuuid':
      return findDisk(sys, `PARTUUID=${rest}`);
    case 'dm':
      return findDisk(sys, `/dev/mapper/${rest}`);
    case 'dev':
      return findDisk(sys, `/dev/${rest.replaceAll('+', '/')}`);
    default:
      return findDisk(sys, name);
  }
}

/** udev's links, where the kernel does not say (before 6.9). */
function linkedUuid(sys: Sys, disk: FoundDisk): string | undefined {
  const directory = '/dev/disk/by-partuuid';
  return sys
    .listDirectory(directory)
    .find((uuid) => sys.readLink(`${directory}/${uuid}`)?.split('/').at(-1) === disk.kernelName);
}
