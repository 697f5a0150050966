import { TorporError } from '../base/errors.ts';
import { loadLeaveImage } from '../engine/resident/kexec-images.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';
import type { Sys } from '../sys/sys.ts';

/** How long programs have between SIGTERM and SIGKILL. */
const TERM_GRACE_MS = 5_000;

/**
 * Shuts this OS down in order and leaves its slot for good, into slot `next`. Does not return.
 *
 * The service manager stops its services first (systemd: an isolate of rescue.target, from which
 * the caller must be exempt); then every program is ended, filesystems are synced and made
 * read-only by the kernel itself (sysrq u), and the kernel's normal kexec shutdown runs.
 */
export function stopThisOs(sys: Sys, switchboard: Switchboard, next: number): never {
  const self = switchboard.running();
  if (self.index === 0) {
    throw new TorporError(
      'E_OS_STATE',
      'home cannot leave its slot: it is the OS that the firmware started',
      {
        facts: { name: self.name },
        hint: 'stop the other OSes, then shut the machine down as usual',
      },
    );
  }
  loadLeaveImage(sys, switchboard.base, self);
  sys.stopServices();
  sys.endAllPrograms(TERM_GRACE_MS);
  sys.sync();
  sys.remountReadOnly();
  switchboard.setTarget(next, sys.readTsc(), sys.realtimeMs());
  sys.rebootKexec();
  throw new TorporError('E_STOP_REFUSED', 'the kernel did not leave', {
    hint: 'the kernel log says why: `dmesg | tail`',
  });
}
