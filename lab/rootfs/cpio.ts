/** One entry of a cpio archive; its type is in the mode's upper bits, as in stat(2). */
export interface CpioEntry {
  /** Without a leading slash; every directory on the way comes before it. */
  readonly path: string;
  readonly mode: number;
  /** The content of a file or the target of a symbolic link. */
  readonly data?: Uint8Array;
  /** Of a device node. */
  readonly device?: { readonly major: number; readonly minor: number };
}

export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_IFCHR = 0o020000;

const TRAILER = 'TRAILER!!!';

/**
 * An archive in the "newc" form that the kernel unpacks as initramfs: everything belongs to root
 * and has the time 0, so the same entries give the same bytes.
 * Source: Documentation/driver-api/early-userspace/buffer-format.rst (Linux 6.12).
 */
export function encodeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const [index, entry] of entries.entries()) parts.push(...encodeEntry(entry, index + 1));
  parts.push(...encodeEntry({ path: TRAILER, mode: 0 }, 0));
  return Buffer.concat(parts);
}

function encodeEntry(
  { path, mode, data = new Uint8Array(), device }: CpioEntry,
  inode: number,
): Uint8Array[] {
  const name = Buffer.from(`${path}\0`, 'utf8');
  const isDirectory = (mode & 0o170000) === S_IFDIR;
  const fields = [
    inode,
    mode,
    0, // uid
    0, // gid
    isDirectory ? 2 : 1, // links
    0, // mtime
    data.byteLength,
    0, // major and minor of the containing device
    0,
    device?.major ?? 0,
    device?.minor ?? 0,
    name.byteLength,
    0, // checksum: none in 070701
  ];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return [header, name, padding(header.byteLength + name.byteLength), data, padding(data.byteLength)];
}

/** Names end and data begin at multiples of 4. */
function padding(length: number): Uint8Array {
  return new Uint8Array(-length & 3);
}
