import type { ImageSys } from '../../sys/image-sys.ts';
import type { MountedPlace } from './take-image.ts';

/** Unmounts it and returns what mounts it again; that is done also when this process is ended before. Throws E_SYSCALL. */
export function unmountGuarded(sys: ImageSys, mount: MountedPlace): () => void {
  const { source, mountPoint: place, type, options } = mount;
  const forget = sys.undoLater({ kind: 'mount', source, place, type, options });
  try {
    sys.unmount(place);
  } catch (error) {
    forget();
    throw error;
  }
  return () => {
    sys.mount(source, place, type, options);
    forget();
  };
}
