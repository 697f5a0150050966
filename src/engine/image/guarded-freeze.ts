import type { ImageSys } from '../../sys/image-sys.ts';
import { freezeFilesystems } from '../freeze-filesystems.ts';

/** freezeFilesystems(), undone also when this process is ended before it has thawed them. */
export function freezeGuarded(sys: ImageSys, places: readonly string[]): () => void {
  const notes = places.map((place) => sys.undoLater({ kind: 'thaw', place }));
  const forget = (): void => {
    for (const done of notes) done();
  };
  try {
    const thaw = freezeFilesystems(sys, places);
    return () => {
      thaw();
      forget();
    };
  } catch (error) {
    forget();
    throw error;
  }
}
