import { readFileSync } from 'node:fs';
import { lastErrno, syscall } from '../native.ts';
import { SYSTEM_CALL } from './call.ts';
import { failure } from './file-call.ts';

const MADV_DONTNEED = 4;
const MLOCK_ONFAULT = 1;

/** A part of a file in this process's memory. */
export interface FileMapping {
  readonly start: bigint;
  readonly sizeBytes: bigint;
  /** Known to have no page that is not as it is in the file, and no way to get one. proc_pid_maps(5) does not tell. */
  readonly isPure: boolean;
}

/** `START-END r-xp OFFSET DEVICE INODE /PATH`; in smaps with lines of what is known of it. */
const HEAD = /^([0-9a-f]+)-([0-9a-f]+) r(\S)\S\S \S+ \S+ \d+ +\/.*$/;

/** Readable mappings of files in the text of /proc/self/maps or smaps. */
export function parseFileMappings(maps: string): FileMapping[] {
  return maps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).flatMap((text) => {
    const [, from, to, writable] = HEAD.exec(text.split('\n', 1)[0]!) ?? [];
    if (from === undefined) return [];
    const [start, end] = [BigInt(`0x${from}`), BigInt(`0x${to}`)];
    const isPure = writable === '-' && /^Anonymous: +0 kB$/m.test(text) && !/^Swap: +[1-9]/m.test(text);
    return [{ start, sizeBytes: end - start, isPure }];
  });
}

/** See ImageSys.forgetFiles. */
export function forgetFiles(): void {
  for (const { start, sizeBytes, isPure } of ownMappings('smaps')) {
    // SAFETY: what is read again is the file's page, and the mapping had no other. The linker's relocations are others.
    if (isPure) syscall(SYSTEM_CALL.madvise, start, sizeBytes, MADV_DONTNEED, 0, 0, 0);
  }
}

/**
 * Locks each mapping of a file. V8's own memory must not be locked: it ends the process when madvise(2)
 * refuses to take pages away (EINVAL); without swap nothing else takes it away.
 */
export function lockMemory(): void {
  for (const { start, sizeBytes } of ownMappings('maps')) {
    if (syscall(SYSTEM_CALL.mlock2, start, sizeBytes, MLOCK_ONFAULT, 0, 0, 0) < 0)
      throw failure('mlock2', '', lastErrno());
  }
}

/** `smaps` takes longer: the kernel looks at every page (smaps_pte_range() of fs/proc/task_mmu.c, 6.12). */
const ownMappings = (file: 'maps' | 'smaps'): FileMapping[] =>
  parseFileMappings(readFileSync(`/proc/self/${file}`, 'utf8'));
