import { TorporError } from '../base/errors.ts';
import type { FreezeCalls } from '../sys/freeze-calls.ts';

/**
 * Freezes mounted filesystems, given in the order of mounting: all is on their disks, and who writes waits.
 * Returns what thaws them again, in the opposite order. What fails leaves none frozen. Throws E_SYSCALL.
 */
export function freezeFilesystems(sys: FreezeCalls, places: readonly string[]): () => void {
  const frozen: string[] = [];
  const thaw = (): void => {
    for (const place of frozen.toReversed()) sys.thawFilesystem(place);
  };
  try {
    // The ones mounted last first: a filesystem in a file of another one has to write to it.
    for (const place of places.toReversed()) if (freezeOne(sys, place)) frozen.push(place);
    return thaw;
  } catch (error) {
    thaw();
    throw error;
  }
}

/** False when the filesystem cannot be frozen (vfat): no program runs, and it was synced. */
function freezeOne(sys: FreezeCalls, place: string): boolean {
  try {
    sys.freezeFilesystem(place);
    return true;
  } catch (error) {
    const errno = error instanceof TorporError ? error.facts.errno : null;
    if (errno !== 'EOPNOTSUPP' && errno !== 'ENOTSUP') throw error;
    sys.sync();
    return false;
  }
}
