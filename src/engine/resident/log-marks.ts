import type { Sys } from '../../sys/sys.ts';

/**
 * Lines that a switch leaves in the kernel log. Their timestamps pair the log's clock with the
 * TSC, so that the kernel's own lines between them time the phases of the switch.
 */
export const LOG_MARKS = { leave: 'torpor: parking this OS', arrive: 'torpor: this OS runs again' } as const;

/** The log is only for timing and for people: a missing /dev/kmsg must not stop a switch. */
export function markLog(sys: Sys, mark: keyof typeof LOG_MARKS): void {
  try {
    sys.writeTextFile('/dev/kmsg', `<6>${LOG_MARKS[mark]}\n`);
  } catch {}
}
