import { release } from 'node:os';
import { openBlockDevice } from './linux/block-device.ts';
import { setRealtimeMs } from './linux/clock.ts';
import { listDirectory, readFile, readFileRange, readLink, writeTextFile } from './linux/files.ts';
import { freezeCalls } from './linux/freeze.ts';
import { readKernelLog } from './linux/kernel-log.ts';
import { kexecLoad, probeKexecJump, rebootKexec } from './linux/kexec.ts';
import { mapPhysical } from './linux/physical-memory.ts';
import { runFirst } from './linux/priority.ts';
import { reseedRandom } from './linux/random.ts';
import { runProgram } from './linux/run-program.ts';
import { holdSignals } from './linux/session.ts';
import { endAllPrograms, remountReadOnly, stopServices } from './linux/shutdown.ts';
import { makeReadTsc } from './native.ts';
import type { Sys } from './sys.ts';

/** The running kernel. */
export function openLinux(): Sys {
  let readTsc: (() => bigint) | undefined;
  return {
    effectiveUid: () => process.geteuid?.() ?? -1,
    readTextFile: (path) => readFile(path)?.toString('utf8') ?? null,
    readBinaryFile: readFile,
    readFileRange,
    readLink,
    writeTextFile,
    listDirectory,
    readKernelLog,
    kernelRelease: release,
    mapPhysical,
    kexecLoad,
    probeKexecJump,
    rebootKexec,
    stopServices,
    endAllPrograms,
    remountReadOnly,
    ...freezeCalls,
    runFirst,
    holdSignals,
    runProgram,
    reseedRandom,
    openBlockDevice,
    readTsc: () => {
      readTsc ??= makeReadTsc();
      return readTsc();
    },
    realtimeMs: Date.now,
    setRealtimeMs,
    monotonicNs: process.hrtime.bigint,
  };
}
