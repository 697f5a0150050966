import { crc32 } from 'node:zlib';
import type { ErrorCodeName } from '../base/error-codes.ts';
import { TorporError } from '../base/errors.ts';

/** u32 length, u32 CRC-32 of the content. */
const HEAD_BYTES = 8;

/** Writes a value as a checksummed JSON block; `null` empties it. Throws `code` when it does not fit. */
export function writeBlock(
  area: Uint8Array,
  value: unknown,
  code: ErrorCodeName = 'E_SWITCHBOARD_VALUE',
): void {
  const content = value === null ? Buffer.alloc(0) : Buffer.from(JSON.stringify(value), 'utf8');
  if (content.length > area.length - HEAD_BYTES) {
    throw new TorporError(code, `${content.length} bytes do not fit a block of ${area.length}`, {
      facts: { bytes: content.length, room: area.length - HEAD_BYTES },
    });
  }
  const view = new DataView(area.buffer, area.byteOffset, HEAD_BYTES);
  // SAFETY: `area` is one block of the switchboard. Length 0 first: a reader never sees half a content.
  view.setUint32(0, 0, true);
  area.set(content, HEAD_BYTES);
  view.setUint32(4, crc32(content), true);
  view.setUint32(0, content.length, true);
}

/** Reads a block; null when it is empty. Throws `code` on a bad length, checksum or JSON. */
export function readBlock(
  area: Uint8Array,
  what: string,
  code: ErrorCodeName = 'E_SWITCHBOARD_CHECKSUM',
): unknown {
  const view = new DataView(area.buffer, area.byteOffset, HEAD_BYTES);
  const length = view.getUint32(0, true);
  if (length === 0) return null;
  const damaged = (why: string): TorporError =>
    new TorporError(code, `the ${what} of the switchboard is damaged: ${why}`, {
      facts: { what, length },
      hint: 'nothing was changed; `torpor status` shows what is still readable',
    });
  if (length > area.length - HEAD_BYTES) throw damaged(`a length of ${length} bytes`);
  const content = Buffer.from(area.subarray(HEAD_BYTES, HEAD_BYTES + length));
  if (crc32(content) !== view.getUint32(4, true)) throw damaged('its checksum is wrong');
  try {
    return JSON.parse(content.toString('utf8'));
  } catch {
    throw damaged('it is not JSON');
  }
}
