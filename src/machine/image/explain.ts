import { TorporError } from '../../base/errors.ts';
import { findCulprits } from '../../engine/freeze-culprits.ts';
import type { Sys } from '../../sys/sys.ts';

/** Marks the beginning of an attempt in the kernel log. Returns the mark. */
export function markLog(sys: Sys, id: string): string {
  const mark = `torpor: image ${id}`;
  try {
    sys.writeTextFile('/dev/kmsg', `<6>${mark}\n`);
  } catch {
    // The log is looked at from its beginning then.
  }
  return mark;
}

/** Turns a failed call of /dev/snapshot into an error that says what is in the way. The system runs on. */
export function explainImageFailure(sys: Sys, cause: unknown, mark: string): unknown {
  if (!(cause instanceof TorporError) || cause.code !== 'E_SYSCALL') return cause;
  const { call, path, errno = 'unknown' } = cause.facts;
  if (path !== '/dev/snapshot') return cause;
  const log = sys.readKernelLog();
  const since = log.slice(log.findLastIndex((line) => line.endsWith(mark)) + 1);
  const { lines, tasks } = findCulprits(since);
  const facts = { call: call ?? null, errno, tasks, log: lines };
  switch (true) {
    case call === 'open' && errno === 'EPERM':
      return new TorporError('E_NO_SNAPSHOT_DEVICE', 'this kernel forbids images of the system', {
        facts,
        hint: 'look for lockdown, nohibernate and memfd_secret: `cat /sys/kernel/security/lockdown /sys/power/disk`',
        cause,
      });
    case call === 'open' && errno === 'EBUSY':
      return new TorporError(
        'E_BUSY',
        'the kernel is about to suspend or hibernate, or another program makes an image',
        {
          facts,
          hint: 'wait for it, then try again',
          cause,
        },
      );
    case errno === 'ENOMEM' ||
      since.some((line) => /Not enough free memory|Memory allocation failed/.test(line)):
      return new TorporError(
        'E_IMAGE_MEMORY',
        call === 'SNAPSHOT_CREATE_IMAGE'
          ? 'too little memory is free for the image: it takes as much as is in use'
          : 'too little memory is free to load the image',
        {
          facts,
          hint: 'end programs until more than half of the memory is free, then try again',
          cause,
        },
      );
    case call === 'SNAPSHOT_FREEZE':
      return new TorporError(
        'E_FREEZE_REFUSED',
        `programs could not be frozen: ${tasks.join(', ') || errno}`,
        {
          facts,
          hint:
            tasks.length > 0
              ? `end or unblock ${tasks.join(', ')}, then try again; the system goes on meanwhile`
              : 'the kernel log names the program: `dmesg | tail -50`; the system goes on meanwhile',
          cause,
        },
      );
    case call === 'SNAPSHOT_CREATE_IMAGE' || call === 'SNAPSHOT_ATOMIC_RESTORE':
      return new TorporError('E_FREEZE_REFUSED', `a device could not be stopped: ${errno}`, {
        facts,
        hint: 'the kernel log names the driver: `dmesg | tail -50`; unload it, then try again',
        cause,
      });
    case call === 'write':
      return new TorporError('E_OTHER_MACHINE', `the kernel refused the image: ${errno}`, {
        facts: { ...facts, log: since.filter((line) => /hibernat|mismatch/i.test(line)).slice(-5) },
        hint: 'the kernel log says why: `dmesg | tail`; the image is of another machine or another memory map',
        cause,
      });
    default:
      return cause;
  }
}
