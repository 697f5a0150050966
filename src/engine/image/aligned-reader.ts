import { alignDown, alignUp, PAGE_BYTES } from '../../base/units.ts';
import type { BlockDevice } from '../../sys/block-device.ts';

/** Reads any bytes of a disk that is read in whole pages only, through a page-aligned buffer. */
export function alignedReader(
  device: BlockDevice,
  buffer: Uint8Array,
): { readonly sizeBytes: number; read(offset: number, into: Uint8Array): void } {
  return {
    sizeBytes: device.sizeBytes,
    read(offset, into) {
      for (let done = 0; done < into.length; ) {
        const start = alignDown(offset + done, PAGE_BYTES);
        const skip = offset + done - start;
        const wanted = alignUp(skip + into.length - done, PAGE_BYTES);
        const piece = buffer.subarray(0, Math.min(buffer.length, wanted, device.sizeBytes - start));
        device.read(start, piece);
        const part = piece.subarray(skip, skip + into.length - done);
        into.set(part, done);
        done += part.length;
      }
    },
  };
}
