import type { ImageSys } from '../../sys/image-sys.ts';
import { freezeFilesystems } from '../freeze-filesystems.ts';

/** freezeFilesystems(), undone also when this process is ended before it has thawed them. */
export function freezeGuarded(sys: ImageSys, places: readonly string[]): () => void {
  const forget = sys.undoLater(...places.map((place) => ({ kind: 'thaw', place }) as const));
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
