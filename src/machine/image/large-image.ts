import type { ImageSys } from '../../sys/image-sys.ts';
import type { Sys } from '../../sys/sys.ts';

/** Bytes that the kernel tries to keep an image below (Documentation/power/interface.rst, 6.12). */
const IMAGE_SIZE = '/sys/power/image_size';

/**
 * Runs `action` with a kernel that does not take memory back to make the image smaller than it must be: what can
 * be had quickly was dropped, and the rest takes long.
 */
export function withLargeImage<T>(sys: Sys, image: ImageSys, action: () => T): T {
  const before = sys.readTextFile(IMAGE_SIZE)?.trim();
  if (before === undefined) return action();
  const isAsBefore = image.undoLater({ kind: 'write', path: IMAGE_SIZE, value: before });
  sys.writeTextFile(IMAGE_SIZE, String(Number.MAX_SAFE_INTEGER));
  try {
    return action();
  } finally {
    sys.writeTextFile(IMAGE_SIZE, before);
    isAsBefore();
  }
}
