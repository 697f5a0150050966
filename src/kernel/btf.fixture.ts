import { KIND } from './btf-types.ts';

/** A type to encode; types name each other by their place in the list, 1 for the first. */
export type FakeType =
  | { readonly kind: 'INT' | 'FLOAT'; readonly name: string; readonly size: number }
  | { readonly kind: 'PTR' | 'TYPEDEF' | 'CONST'; readonly name?: string; readonly type: number }
  | { readonly kind: 'ARRAY'; readonly type: number; readonly count: number }
  | {
      readonly kind: 'STRUCT' | 'UNION';
      readonly name: string;
      readonly size: number;
      /** Name, type, offset in bits, size in bits of a bit field. */
      readonly members: readonly (readonly [string, number, number, number?])[];
    }
  | { readonly kind: 'ENUM'; readonly name: string; readonly values: Readonly<Record<string, number>> }
  /** A kind of the future, with this tail. */
  | { readonly kind: number; readonly tail: Uint8Array };

const HEAD_BYTES = 32;

/** The BTF of these types (Documentation/bpf/btf.rst); `layout`: kind → bytes behind its head. */
export function encodeBtf(types: readonly FakeType[], layout: Readonly<Record<number, number>> = {}): Buffer {
  const strings: string[] = [''];
  const place = (text: string): number => {
    if (!strings.includes(text)) strings.push(text);
    return strings.slice(0, strings.indexOf(text)).reduce((sum, other) => sum + other.length + 1, 0);
  };
  const words = (...values: number[]): Buffer => Buffer.from(Uint32Array.from(values, (v) => v >>> 0).buffer);
  const encode = (type: FakeType): Buffer => {
    if (typeof type.kind === 'number') {
      const { kind, tail } = type as Extract<FakeType, { tail: Uint8Array }>;
      return Buffer.concat([words(0, kind << 24, 0), tail]);
    }
    const head = (name: string, third: number, count = 0, flag = 0): Buffer =>
      words(place(name), (flag << 31) | (KIND[type.kind as keyof typeof KIND] << 24) | count, third);
    if ('members' in type) {
      const hasBits = type.members.some(([, , , bits]) => bits !== undefined);
      const members = type.members.map(([name, member, offset, bits = 0]) =>
        words(place(name), member, hasBits ? (bits << 24) | offset : offset),
      );
      return Buffer.concat([head(type.name, type.size, members.length, hasBits ? 1 : 0), ...members]);
    }
    if ('values' in type) {
      const values = Object.entries(type.values).map(([name, value]) => words(place(name), value));
      return Buffer.concat([head(type.name, 4, values.length), ...values]);
    }
    if ('count' in type) return Buffer.concat([head('', 0), words(type.type, 0, type.count)]);
    if ('size' in type)
      return Buffer.concat([head(type.name, type.size), type.kind === 'INT' ? words(0) : Buffer.alloc(0)]);
    return head((type as { name?: string }).name ?? '', (type as { type: number }).type);
  };
  const body = Buffer.concat(types.map(encode));
  const text = Buffer.from(`${strings.join('\0')}\0`, 'latin1');
  const kinds = Math.max(0, ...Object.keys(layout).map((kind) => Number(kind) + 1));
  const layouts = Buffer.alloc(kinds * 4);
  for (const [kind, bytes] of Object.entries(layout)) layouts[Number(kind) * 4] = bytes;
  const head = words(
    0x0001_eb9f,
    HEAD_BYTES,
    0,
    body.length,
    body.length,
    text.length,
    body.length + text.length,
    layouts.length,
  );
  return Buffer.concat([head, body, text, layouts]);
}
