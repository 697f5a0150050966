import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  writeFileSync,
} from 'node:fs';
import { release } from 'node:os';
import { TorporError } from '../base/errors.ts';
import { formatRange, type PhysRange, sizeOf } from '../base/ranges.ts';
import { alignUp, PAGE_BYTES } from '../base/units.ts';
import { allocate, lastErrno, makeReadTsc, mapShared, syscall } from './native.ts';
import type { KexecKind, KexecSegment, MappedRegion, Sys } from './sys.ts';

const STOP_SERVICES_MS = 90_000;
const ROOT_CGROUP = '/sys/fs/cgroup/cgroup.procs';

// x86-64 system call numbers (arch/x86/entry/syscalls/syscall_64.tbl).
const SYS_SYSLOG = 103;
const SYS_SYNC = 162;
const SYS_REBOOT = 169;
const SYS_CLOCK_SETTIME = 227;
const CLOCK_REALTIME = 0;
const SYS_KEXEC_LOAD = 246;

// include/uapi/linux/reboot.h
const REBOOT_MAGIC1 = 0xfee1dead;
const REBOOT_MAGIC2 = 672274793;
const REBOOT_CMD_KEXEC = 0x45584543;

// include/uapi/linux/kexec.h
const KEXEC_ARCH_X86_64 = 62 << 16;
const KEXEC_FLAGS: Record<KexecKind, number> = { leave: 0, crash: 1, jump: 2 };
const KEXEC_SEGMENT_BYTES = 32;

/** The running kernel. */
export function openLinux(): Sys {
  let readTsc: (() => bigint) | undefined;
  return {
    effectiveUid: () => process.geteuid?.() ?? -1,
    readTextFile: (path) => readFile(path)?.toString('utf8') ?? null,
    readBinaryFile: readFile,
    readFileRange,
    readLink: (path) => withPath('readlink', path, () => readlinkSync(path)),
    writeTextFile: (path, content) => {
      try {
        writeFileSync(path, content);
      } catch (cause) {
        throw fileFailure('write', path, cause);
      }
    },
    listDirectory: (path) => withPath('readdir', path, () => readdirSync(path).toSorted()) ?? [],
    readKernelLog,
    kernelRelease: release,
    mapPhysical,
    kexecLoad,
    probeKexecJump,
    rebootKexec: () => {
      check('reboot', syscall(SYS_REBOOT, REBOOT_MAGIC1, REBOOT_MAGIC2, REBOOT_CMD_KEXEC, 0, 0, 0));
    },
    stopServices,
    endAllPrograms,
    sync: () => {
      syscall(SYS_SYNC, 0, 0, 0, 0, 0, 0);
    },
    readTsc: () => {
      readTsc ??= makeReadTsc();
      return readTsc();
    },
    realtimeMs: Date.now,
    setRealtimeMs,
    monotonicNs: process.hrtime.bigint,
  };
}

function readFile(path: string): Buffer | null {
  return withPath('read', path, () => readFileSync(path));
}

function readFileRange(path: string, offset: bigint, sizeBytes: number): Uint8Array | null {
  return withPath('read', path, () => {
    const fd = openSync(path, 'r');
    try {
      const bytes = new Uint8Array(sizeBytes);
      let done = 0;
      while (done < sizeBytes) {
        const count = readSync(fd, bytes, done, sizeBytes - done, offset + BigInt(done));
        if (count === 0) break;
        done += count;
      }
      return bytes.subarray(0, done);
    } finally {
      closeSync(fd);
    }
  });
}

/** `SYSLOG_ACTION_READ_ALL` and `SYSLOG_ACTION_SIZE_BUFFER` of syslog(2). */
function readKernelLog(): string[] {
  const sizeBytes = syscall(SYS_SYSLOG, 10, 0, 0, 0, 0, 0);
  if (sizeBytes <= 0) return [];
  const buffer = allocate(sizeBytes);
  try {
    const length = syscall(SYS_SYSLOG, 3, buffer.address, sizeBytes, 0, 0, 0);
    if (length < 0) return [];
    return Buffer.from(buffer.bytes.subarray(0, length))
      .toString('utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^<\d+>/, ''));
  } finally {
    buffer.unmap();
  }
}

/** Null when the file does not exist; every other failure is E_SYSCALL. */
function withPath<T>(call: string, path: string, action: () => T): T | null {
  try {
    return action();
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code;
    if (errno === 'ENOENT' || errno === 'ENODEV' || errno === 'ESRCH') return null;
    throw fileFailure(call, path, cause);
  }
}

function fileFailure(call: string, path: string, cause: unknown): TorporError {
  const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown';
  const facts = { call, path, errno };
  return new TorporError('E_SYSCALL', `cannot ${call} ${path}: ${errno}`, { facts, cause });
}

function check(call: string, result: number): void {
  if (result >= 0) return;
  const errno = lastErrno();
  throw new TorporError('E_SYSCALL', `${call} failed: ${errno}`, { facts: { call, errno } });
}

/** clock_settime(2) with a `struct timespec`: seconds, nanoseconds. */
function setRealtimeMs(ms: number): void {
  const timespec = allocate(16);
  try {
    const view = new DataView(timespec.bytes.buffer, timespec.bytes.byteOffset);
    const seconds = Math.floor(ms / 1000);
    view.setBigInt64(0, BigInt(seconds), true);
    view.setBigInt64(8, BigInt(Math.floor((ms - seconds * 1000) * 1e6)), true);
    check('clock_settime', syscall(SYS_CLOCK_SETTIME, CLOCK_REALTIME, timespec.address, 0, 0, 0, 0));
  } finally {
    timespec.unmap();
  }
}

/** sd_booted(3): systemd runs when this directory exists. */
function stopServices(): void {
  if (!existsSync('/run/systemd/system')) return;
  outliveSession();
  // Without --no-block: the services have stopped when it returns.
  spawnSync('systemctl', ['isolate', 'rescue.target'], { stdio: 'ignore', timeout: STOP_SERVICES_MS });
}

/**
 * Leaves the cgroup by which systemd would end this process with its login session or service, and
 * the signals of a closing terminal.
 */
function outliveSession(): void {
  for (const signal of ['SIGHUP', 'SIGTERM'] as const) process.on(signal, () => {});
  if (existsSync(ROOT_CGROUP)) writeFileSync(ROOT_CGROUP, String(process.pid));
}

function endAllPrograms(graceMs: number): void {
  signalAll('SIGTERM');
  const deadline = Date.now() + graceMs;
  while (Date.now() < deadline && otherPrograms() > 0) sleep(100);
  signalAll('SIGKILL');
}

/** kill(-1): all processes but this one and init (kill(2)). */
function signalAll(signal: NodeJS.Signals): void {
  try {
    process.kill(-1, signal);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}

/** Programs besides init and this one; kernel threads have no command line. */
function otherPrograms(): number {
  const pids = readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && name !== '1' && name !== String(process.pid),
  );
  return pids.filter(
    (pid) =>
      (withPath('read', `/proc/${pid}/cmdline`, () => readFileSync(`/proc/${pid}/cmdline`))?.length ?? 0) > 0,
  ).length;
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/**
 * Maps through /dev/mem. O_SYNC is left out on purpose: it would make the mapping uncached
 * (arch/x86/mm/pat/memtype.c, phys_mem_access_prot_allowed).
 */
function mapPhysical(range: PhysRange): MappedRegion {
  let fd: number;
  try {
    fd = openSync('/dev/mem', 'r+');
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new TorporError(
      errno === 'EACCES' ? 'E_NOT_ROOT' : 'E_NO_DEVMEM',
      `cannot open /dev/mem: ${errno}`,
      {
        facts: { errno },
        hint:
          errno === 'EACCES'
            ? 'run this as root'
            : 'run `torpor doctor`: lockdown or CONFIG_DEVMEM=n forbids it',
        cause,
      },
    );
  }
  try {
    const mapping = mapShared(fd, range.start, sizeOf(range));
    if (mapping === null) {
      const errno = lastErrno();
      throw new TorporError('E_DEVMEM_REFUSED', `the kernel refuses to map ${formatRange(range)}: ${errno}`, {
        facts: { start: range.start, end: range.end, errno },
        hint: 'reserve the range on the kernel command line: `torpor plan` prints how',
      });
    }
    return { range, bytes: mapping.bytes, close: mapping.unmap };
  } finally {
    closeSync(fd);
  }
}

/** `struct kexec_segment` is {buf, bufsz, mem, memsz}, four 64-bit words (include/uapi/linux/kexec.h). */
function kexecLoad(kind: KexecKind, entry: number, segments: readonly KexecSegment[]): void {
  const table = allocate(Math.max(1, segments.length) * KEXEC_SEGMENT_BYTES);
  const buffers = segments.map((segment) => allocate(alignUp(segment.bytes.length, PAGE_BYTES)));
  try {
    const view = new DataView(table.bytes.buffer, table.bytes.byteOffset);
    for (const [index, segment] of segments.entries()) {
      const buffer = buffers[index]!;
      buffer.bytes.set(segment.bytes);
      const words = [buffer.address, segment.bytes.length, segment.destination, buffer.bytes.length].map(
        BigInt,
      );
      words.forEach((word, at) => {
        view.setBigUint64(index * KEXEC_SEGMENT_BYTES + at * 8, word, true);
      });
    }
    const flags = KEXEC_ARCH_X86_64 | KEXEC_FLAGS[kind];
    check('kexec_load', syscall(SYS_KEXEC_LOAD, entry, segments.length, table.address, flags, 0, 0));
  } finally {
    for (const mapping of [table, ...buffers]) mapping.unmap();
  }
}

/** No process has this page: the kernel's half of the addresses. */
const UNREADABLE = 0xffff_ffff_ffff_f000n;

function probeKexecJump(): string {
  // SAFETY: one segment that cannot be copied in: EFAULT before any image is touched, both with
  // memdup_user() (5.15 and later) and in kimage_alloc_init() (before). Zero segments would unload.
  const flags = KEXEC_ARCH_X86_64 | KEXEC_FLAGS.jump;
  const result = syscall(SYS_KEXEC_LOAD, 0, 1, UNREADABLE, flags, 0, 0);
  return result >= 0 ? '' : lastErrno();
}
