import { TorporError } from '../base/errors.ts';

/** BTF_KIND_… (include/uapi/linux/btf.h, Linux 7.2). */
export const KIND = {
  INT: 1,
  PTR: 2,
  ARRAY: 3,
  STRUCT: 4,
  UNION: 5,
  ENUM: 6,
  FWD: 7,
  TYPEDEF: 8,
  VOLATILE: 9,
  CONST: 10,
  RESTRICT: 11,
  FUNC: 12,
  FUNC_PROTO: 13,
  VAR: 14,
  DATASEC: 15,
  FLOAT: 16,
  DECL_TAG: 17,
  TYPE_TAG: 18,
  ENUM64: 19,
} as const;

/** Kind → bytes behind the type's head: once, and for each of its elements. */
const TAIL_BYTES: ReadonlyMap<number, { readonly once: number; readonly each: number }> = new Map([
  [KIND.INT, { once: 4, each: 0 }],
  [KIND.PTR, { once: 0, each: 0 }],
  [KIND.ARRAY, { once: 12, each: 0 }],
  [KIND.STRUCT, { once: 0, each: 12 }],
  [KIND.UNION, { once: 0, each: 12 }],
  [KIND.ENUM, { once: 0, each: 8 }],
  [KIND.FWD, { once: 0, each: 0 }],
  [KIND.TYPEDEF, { once: 0, each: 0 }],
  [KIND.VOLATILE, { once: 0, each: 0 }],
  [KIND.CONST, { once: 0, each: 0 }],
  [KIND.RESTRICT, { once: 0, each: 0 }],
  [KIND.FUNC, { once: 0, each: 0 }],
  [KIND.FUNC_PROTO, { once: 0, each: 8 }],
  [KIND.VAR, { once: 4, each: 0 }],
  [KIND.DATASEC, { once: 0, each: 12 }],
  [KIND.FLOAT, { once: 0, each: 0 }],
  [KIND.DECL_TAG, { once: 4, each: 0 }],
  [KIND.TYPE_TAG, { once: 0, each: 0 }],
  [KIND.ENUM64, { once: 0, each: 12 }],
]);

const MODIFIERS: ReadonlySet<number> = new Set([
  KIND.TYPEDEF,
  KIND.VOLATILE,
  KIND.CONST,
  KIND.RESTRICT,
  KIND.TYPE_TAG,
]);
const SIZED: ReadonlySet<number> = new Set([
  KIND.INT,
  KIND.STRUCT,
  KIND.UNION,
  KIND.ENUM,
  KIND.ENUM64,
  KIND.FLOAT,
]);

const MAGIC = 0xeb9f;
const HEAD_BYTES = 24;
/** Longer heads (Linux 7.x) say how long the kinds are. */
const HEAD_WITH_LAYOUT_BYTES = 32;
const LAYOUT_BYTES = 4;
const TYPE_BYTES = 12;
/** BTF_MAX_TYPE of 7.2; id 0 is void. */
const MAX_TYPES = 2 ** 20;
/** BTF_MAX_VLEN before 7.x. */
const MAX_MEMBERS = 65_535;

interface RawMember {
  readonly name: string;
  readonly type: number;
  /** 0 for a bit field. */
  readonly offsetBytes: number;
  readonly bitfield: boolean;
}

/** The types of a BTF by their id, 1 and up; an id that does not exist is of kind 0. */
export interface BtfTypes {
  kind(id: number): number;
  name(id: number): string;
  /** The third word of a type: a size or another type, as its kind says. */
  sizeOrType(id: number): number;
  hasSize(id: number): boolean;
  isModifier(id: number): boolean;
  /** The ids of this name and one of these kinds. */
  named(name: string, kinds: readonly number[]): number[];
  /** Of a structure or union, those of the types inside it not included. */
  members(id: number): RawMember[];
  array(id: number): { element: number; count: number };
  /** The values of this name in all enums. */
  enumerators(name: string): number[];
}

/** Finds all types of a BTF. Throws E_KERNEL_DATA when the bytes are not BTF, or damaged. */
export function decodeBtfTypes(bytes: Uint8Array): BtfTypes {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { types, strings, layout } = decodeHead(view);
  const u32 = (at: number): number => view.getUint32(at, true);
  const places = placeTypes(view, types, layout);

  const text = Buffer.from(bytes.buffer, bytes.byteOffset + strings.start, strings.end - strings.start);
  const stringAt = (offset: number): string => {
    const end = text.indexOf(0, offset);
    return offset < text.length && end >= 0 ? text.toString('latin1', offset, end) : '';
  };
  /** Where a name stands: each stands once. Null when it stands nowhere. */
  const offsetOf = (name: string): number | null => {
    if (name === '') return 0;
    const found = text.indexOf(`\0${name}\0`, 0, 'latin1');
    return found < 0 ? null : found + 1;
  };
  const info = (id: number): number => (id > 0 && id < places.length ? u32(places[id]! + 4) : 0);
  const kind = (id: number): number => (info(id) >>> 24) & 0x7f;
  const count = (id: number): number => info(id) & 0xff_ffff;
  const sizeOrType = (id: number): number => (info(id) === 0 ? 0 : u32(places[id]! + 8));

  return {
    kind,
    sizeOrType,
    name: (id) => (info(id) === 0 ? '' : stringAt(u32(places[id]!))),
    hasSize: (id) => SIZED.has(kind(id)),
    isModifier: (id) => MODIFIERS.has(kind(id)),
    named(name, kinds) {
      const offset = offsetOf(name);
      const ids: number[] = [];
      for (let id = 1; id < places.length && offset !== null; id += 1) {
        if (u32(places[id]!) === offset && kinds.includes(kind(id))) ids.push(id);
      }
      return ids;
    },
    members(id) {
      if (count(id) > MAX_MEMBERS) throw damaged(`a structure of it has ${count(id)} members`);
      const hasBitSizes = info(id) >>> 31 === 1;
      return Array.from({ length: count(id) }, (_, index) => {
        const at = places[id]! + TYPE_BYTES + index * 12;
        const raw = u32(at + 8);
        const bits = hasBitSizes ? raw & 0xff_ffff : raw;
        const bitfield = bits % 8 !== 0 || (hasBitSizes && raw >>> 24 !== 0);
        return { name: stringAt(u32(at)), type: u32(at + 4), offsetBytes: bitfield ? 0 : bits / 8, bitfield };
      });
    },
    array: (id) => ({ element: u32(places[id]! + TYPE_BYTES), count: u32(places[id]! + TYPE_BYTES + 8) }),
    enumerators(name) {
      const offset = offsetOf(name);
      const values: number[] = [];
      for (let id = 1; id < places.length && offset !== null; id += 1) {
        const isLong = kind(id) === KIND.ENUM64;
        if (!isLong && kind(id) !== KIND.ENUM) continue;
        for (let index = 0; index < count(id); index += 1) {
          const at = places[id]! + TYPE_BYTES + index * (isLong ? 12 : 8);
          if (u32(at) === offset) values.push(view.getInt32(at + 4, true));
        }
      }
      return values;
    },
  };
}

interface Section {
  readonly start: number;
  readonly end: number;
}

function decodeHead(view: DataView): { types: Section; strings: Section; layout: Section } {
  if (view.byteLength < HEAD_BYTES || view.getUint16(0, true) !== MAGIC || view.getUint8(2) !== 1) {
    throw damaged('there is no BTF at its address');
  }
  const headBytes = view.getUint32(4, true);
  const section = (at: number): Section => {
    const start = headBytes + view.getUint32(at, true);
    const end = start + view.getUint32(at + 4, true);
    if (headBytes < HEAD_BYTES || end > view.byteLength)
      throw damaged('a section of its BTF is outside of it');
    return { start, end };
  };
  const hasLayout = headBytes >= HEAD_WITH_LAYOUT_BYTES && view.byteLength >= HEAD_WITH_LAYOUT_BYTES;
  return { types: section(8), strings: section(16), layout: hasLayout ? section(24) : { start: 0, end: 0 } };
}

/** Where each type begins; index 0 is void. */
function placeTypes(view: DataView, section: Section, layout: Section): Uint32Array {
  const places = [0];
  for (let at = section.start; at < section.end; ) {
    if (at + TYPE_BYTES > section.end || places.length > MAX_TYPES) throw damaged('its types do not end');
    places.push(at);
    const info = view.getUint32(at + 4, true);
    const kind = (info >>> 24) & 0x7f;
    const tail = TAIL_BYTES.get(kind) ?? tailByLayout(view, layout, kind);
    at += TYPE_BYTES + tail.once + tail.each * (info & 0xff_ffff);
    if (at > section.end) throw damaged('a type of it is longer than its types');
  }
  return Uint32Array.from(places);
}

function tailByLayout(view: DataView, layout: Section, kind: number): { once: number; each: number } {
  const at = layout.start + kind * LAYOUT_BYTES;
  if (kind === 0 || at + LAYOUT_BYTES > layout.end) throw damaged(`it has types of the unknown kind ${kind}`);
  return { once: view.getUint8(at), each: view.getUint8(at + 1) };
}

function damaged(message: string): TorporError {
  return new TorporError('E_KERNEL_DATA', `no types of structures: ${message}`);
}
