import { writeSync } from 'node:fs';
import { TorporError } from '../base/errors.ts';
import { EXIT_STATUS } from '../base/exit-status.ts';
import { restorePending } from '../machine/image/restore-pending.ts';
import { resumeAtBoot } from '../machine/parking/resume-at-boot.ts';
import type { ImageSys } from '../sys/image-sys.ts';
import { openLinuxImage } from '../sys/linux/image-sys.ts';
import { openLinux } from '../sys/linux.ts';
import type { Sys } from '../sys/sys.ts';

/**
 * What the initramfs calls at each start, in few words: there is only a console. Status 0: the start goes
 * on. Any other: nothing may be started from these disks.
 */
export function restoreAtBoot(): number {
  const sys = openLinux();
  const image = openLinuxImage();
  const say = (text: string): void => void writeSync(2, `torpor: ${text}\n`);
  try {
    const result = restorePending(sys, image);
    if (result.outcome === 'discarded') {
      const why = result.error === null ? 'the kernel command line says so' : describe(result.error);
      say(`the pending restore of ${result.reference} was discarded: ${why}`);
    }
    resume(sys, image, say);
    return EXIT_STATUS.ok;
  } catch (error) {
    say(describe(error));
    // Without a readable staging area nothing has been written to any disk.
    const isUnfinished = error instanceof TorporError && error.code === 'E_RESTORE_UNFINISHED';
    return isUnfinished ? EXIT_STATUS.state : EXIT_STATUS.ok;
  }
}

/** After a restore that waits: an OS that is parked goes on. Whatever is in the way, its disks are whole. */
function resume(sys: Sys, image: ImageSys, say: (text: string) => void): void {
  try {
    const result = resumeAtBoot(sys, image);
    if (result.outcome === 'none') return;
    const why = result.error === null ? 'the kernel command line says so' : describe(result.error);
    const what =
      result.outcome === 'dropped'
        ? 'what was parked was dropped'
        : 'it cannot go on from where it was parked';
    say(`“${result.os}” starts anew, ${what}: ${why}`);
  } catch (error) {
    say(describe(error));
  }
}

function describe(error: unknown): string {
  if (!(error instanceof TorporError)) return String(error);
  return `${error.message} [${error.code}]${error.hint === undefined ? '' : `\n  ${error.hint}`}`;
}
