/**
 * Binary structures as tables: every field has an explicit offset, sizes are asserted when the
 * table is defined, all values are little-endian. 64-bit fields are bigint.
 */

interface FieldCodec<T> {
  readonly sizeBytes: number;
  read(view: DataView, offset: number): T;
  write(view: DataView, offset: number, value: T): void;
}

export interface Field<T> {
  readonly offset: number;
  readonly codec: FieldCodec<T>;
}

type FieldTable = Readonly<Record<string, Field<unknown>>>;
type ValuesOf<F extends FieldTable> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never };

const U8: FieldCodec<number> = {
  sizeBytes: 1,
  read: (view, offset) => view.getUint8(offset),
  write: (view, offset, value) => view.setUint8(offset, value),
};
const U16: FieldCodec<number> = {
  sizeBytes: 2,
  read: (view, offset) => view.getUint16(offset, true),
  write: (view, offset, value) => view.setUint16(offset, value, true),
};
const U32: FieldCodec<number> = {
  sizeBytes: 4,
  read: (view, offset) => view.getUint32(offset, true),
  write: (view, offset, value) => view.setUint32(offset, value, true),
};
const U64: FieldCodec<bigint> = {
  sizeBytes: 8,
  read: (view, offset) => view.getBigUint64(offset, true),
  write: (view, offset, value) => view.setBigUint64(offset, value, true),
};

export const u8 = (offset: number): Field<number> => ({ offset, codec: U8 });
export const u16 = (offset: number): Field<number> => ({ offset, codec: U16 });
export const u32 = (offset: number): Field<number> => ({ offset, codec: U32 });
export const u64 = (offset: number): Field<bigint> => ({ offset, codec: U64 });

/** Raw bytes; reading gives a copy, writing another length is a RangeError. */
export function bytes(offset: number, sizeBytes: number): Field<Uint8Array> {
  return {
    offset,
    codec: {
      sizeBytes,
      read: (view, at) => new Uint8Array(view.buffer, view.byteOffset + at, sizeBytes).slice(),
      write(view, at, value) {
        if (value.length !== sizeBytes) throw new RangeError(`${value.length} bytes are not ${sizeBytes}`);
        new Uint8Array(view.buffer, view.byteOffset + at, sizeBytes).set(value);
      },
    },
  };
}

/** A zero-padded UTF-8 text of at most `sizeBytes` bytes; writing a longer one is a RangeError. */
export function text(offset: number, sizeBytes: number): Field<string> {
  return {
    offset,
    codec: {
      sizeBytes,
      read(view, at) {
        const bytes = new Uint8Array(view.buffer, view.byteOffset + at, sizeBytes);
        const end = bytes.indexOf(0);
        return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8');
      },
      write(view, at, value) {
        const encoded = Buffer.from(value, 'utf8');
        if (encoded.length > sizeBytes) throw new RangeError(`“${value}” is longer than ${sizeBytes} bytes`);
        const bytes = new Uint8Array(view.buffer, view.byteOffset + at, sizeBytes);
        bytes.fill(0);
        bytes.set(encoded);
      },
    },
  };
}

export interface Struct<F extends FieldTable> {
  readonly name: string;
  readonly sizeBytes: number;
  readonly fields: F;
  /** Reads every field. The bytes must hold `sizeBytes` from `offset`, else RangeError. */
  decode(bytes: Uint8Array, offset?: number): ValuesOf<F>;
  /** Writes the given fields in place and leaves all other bytes as they are. */
  encodeInto(bytes: Uint8Array, values: Partial<ValuesOf<F>>, offset?: number): void;
}

/** Defines a structure; overlapping or out-of-bounds fields are a defect and throw at once. */
export function defineStruct<const F extends FieldTable>(
  name: string,
  sizeBytes: number,
  fields: F,
): Struct<F> {
  let previousEnd = 0;
  for (const [key, field] of Object.entries(fields).toSorted((a, b) => a[1].offset - b[1].offset)) {
    if (field.offset < previousEnd) throw new Error(`${name}.${key} overlaps the field before it`);
    previousEnd = field.offset + field.codec.sizeBytes;
  }
  if (previousEnd > sizeBytes) throw new Error(`${name} has fields behind its ${sizeBytes} bytes`);

  const viewOf = (bytes: Uint8Array, offset: number): DataView => {
    if (offset < 0 || offset + sizeBytes > bytes.byteLength) {
      throw new RangeError(`${name} needs ${sizeBytes} bytes at ${offset}, there are ${bytes.byteLength}`);
    }
    return new DataView(bytes.buffer, bytes.byteOffset + offset, sizeBytes);
  };
  return {
    name,
    sizeBytes,
    fields,
    decode(bytes, offset = 0) {
      const view = viewOf(bytes, offset);
      const values = Object.entries(fields).map(([key, field]) => [
        key,
        field.codec.read(view, field.offset),
      ]);
      return Object.fromEntries(values) as ValuesOf<F>;
    },
    encodeInto(bytes, values, offset = 0) {
      const view = viewOf(bytes, offset);
      for (const [key, value] of Object.entries(values)) {
        const field = fields[key];
        if (field === undefined) throw new Error(`${name} has no field ${key}`);
        if (value !== undefined) field.codec.write(view, field.offset, value);
      }
    },
  };
}
