import { TorporError } from '../../base/errors.ts';
import { hex, PAGE_BYTES, type PhysAddr, physAddr } from '../../base/units.ts';
import { encodeStub } from '../../switchboard/code.ts';
import type { SlotRecord } from '../../switchboard/record.ts';
import type { KexecKind, Sys } from '../../sys/sys.ts';

/** Loads the image with which this OS parks itself. Returns nothing; the kernel holds it. */
export function loadJumpImage(sys: Sys, base: PhysAddr, self: SlotRecord): void {
  const segment = { bytes: encodeStub(base, 'park', self.index), destination: self.stub };
  load(sys, 'jump', self.stub, segment);
}

/** Loads the image with which this OS leaves its slot for good. */
export function loadLeaveImage(sys: Sys, base: PhysAddr, self: SlotRecord): void {
  const segment = { bytes: encodeStub(base, 'leave', self.index), destination: self.stub };
  load(sys, 'leave', self.stub, segment);
}

/**
 * Loads the image that a panic of this OS runs. Its page lies in the crashkernel reservation, as
 * the kernel demands (kernel/kexec_core.c, sanity_check_segment_list). False when there is none.
 */
export function loadCrashImage(sys: Sys, base: PhysAddr, self: SlotRecord): boolean {
  const start = crashReservation(sys);
  if (start === null) return false;
  load(sys, 'crash', start, { bytes: encodeStub(base, 'crash', self.index), destination: start });
  return true;
}

/** Start of the crashkernel reservation, from /proc/iomem's `…-… : Crash kernel`. */
function crashReservation(sys: Sys): PhysAddr | null {
  const match = /^\s*([0-9a-f]+)-[0-9a-f]+ : Crash kernel$/m.exec(sys.readTextFile('/proc/iomem') ?? '');
  const start = Number.parseInt(match?.[1] ?? '0', 16);
  return start === 0 ? null : physAddr(start);
}

function load(
  sys: Sys,
  kind: KexecKind,
  entry: PhysAddr,
  segment: { bytes: Uint8Array; destination: PhysAddr },
): void {
  if (segment.bytes.length !== PAGE_BYTES) throw new Error('a stub is one page');
  try {
    sys.kexecLoad(kind, entry, [segment]);
  } catch (cause) {
    throw explainLoadFailure(kind, entry, cause);
  }
}

/** kernel/kexec.c: EINVAL is also what a kernel without KEXEC_JUMP says to KEXEC_PRESERVE_CONTEXT. */
function explainLoadFailure(kind: KexecKind, entry: PhysAddr, cause: unknown): unknown {
  if (!(cause instanceof TorporError) || cause.code !== 'E_SYSCALL') return cause;
  const facts = { ...cause.facts, image: kind, entry: hex(entry) };
  switch (cause.facts.errno) {
    case 'EPERM':
      return new TorporError('E_KEXEC_FORBIDDEN', 'this kernel forbids kexec_load', {
        facts,
        hint: 'run `torpor doctor`: rights, lockdown or the sysctl kernel.kexec_load_disabled forbid it',
        cause,
      });
    case 'EINVAL':
      if (kind !== 'jump') break;
      return new TorporError('E_NO_KEXEC_JUMP', 'this kernel was built without CONFIG_KEXEC_JUMP', {
        facts,
        hint: 'run `torpor doctor`: it names the kernels that have it',
        cause,
      });
    case 'ENOSYS':
      return new TorporError('E_NO_KEXEC_JUMP', 'this kernel was built without CONFIG_KEXEC', {
        facts,
        cause,
      });
  }
  return new TorporError('E_KEXEC_REFUSED', `the kernel refuses the ${kind} image: ${cause.facts.errno}`, {
    facts,
    hint: 'the kernel log says more: `dmesg | tail`',
    cause,
  });
}
