/** The part of a disk that is read here. Reads outside it throw. */
export interface DiskReader {
  readonly sizeBytes: number;
  read(offset: number, into: Uint8Array): void;
}

/** Bytes of a disk, half-open. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}
