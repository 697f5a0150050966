import { freezeFilesystems } from '../engine/freeze-filesystems.ts';
import type { Sys } from '../sys/sys.ts';
import { holdPrograms } from './hold-programs.ts';
import { readMountedDisks } from './mounts.ts';

/**
 * Brings this OS to rest: no program but this one runs, and each filesystem that can be written is whole on its
 * disk, with bitmaps that tell which blocks it uses. Programs are held first: one that waits for a frozen
 * filesystem would make the kernel refuse to freeze its tasks. Returns what lets everything go on. What fails
 * leaves everything running. Throws E_FREEZE_REFUSED, E_SYSCALL.
 */
export function quiesce(sys: Sys): () => void {
  const release = holdPrograms(sys);
  try {
    const mounts = readMountedDisks(sys).filter(({ isWritable }) => isWritable);
    const thaw = freezeFilesystems(
      sys,
      mounts.map(({ mountPoint }) => mountPoint),
    );
    return () => {
      try {
        thaw();
      } finally {
        release();
      }
    };
  } catch (error) {
    release();
    throw error;
  }
}
