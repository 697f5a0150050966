import type { Sys } from '../../sys/sys.ts';

/** What boot/install puts there, for initramfs-tools and for dracut. */
const HOOKS = [
  '/etc/initramfs-tools/scripts/local-top/torpor',
  '/usr/lib/dracut/modules.d/90torpor/torpor-restore.sh',
];

/** What a user has to know before the next start of a machine with a restore that waits; empty when nothing. */
export function warnOfStart(sys: Sys): string[] {
  if (HOOKS.some((path) => sys.readTextFile(path) !== null)) return [];
  return [
    'the initramfs of this system restores nothing yet: run boot/install, or the machine starts as if nothing waited',
  ];
}
