import { type Check, ok, warning } from '../check.ts';

/** Programs that wait for one of these cannot be frozen when its server does not answer. */
const BLOCKING = /^(nfs4?|cifs|smb3|ceph|9p|afs|glusterfs|fuse|fuseblk|fuse\..+)$/;

export const freezing: Check = {
  id: 'freezing',
  title: 'freezing',
  group: 'programs',
  probe({ sys }) {
    const mounts = (sys.readTextFile('/proc/self/mounts') ?? '')
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([, , type]) => type !== undefined && BLOCKING.test(type))
      .map(([, path, type]) => `${path} (${type})`);
    const facts = { mounts };
    if (mounts.length === 0) return ok('no network or FUSE file system is mounted', facts);
    return warning(
      `a program that waits for ${mounts.slice(0, 3).join(', ')}${mounts.length > 3 ? ` and ${mounts.length - 3} more` : ''} makes the kernel refuse a switch`,
      `if that happens: umount ${mounts.map((mount) => mount.slice(0, mount.lastIndexOf(' ('))).join(' ')}`,
      facts,
    );
  },
};
