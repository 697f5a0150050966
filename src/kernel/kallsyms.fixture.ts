import type { FakeKernel } from './fake-kernel.fixture.ts';

/** How offsets become addresses: with KALLSYMS_ABSOLUTE_PERCPU (to 6.14), without, and 7.x. */
export type Addressing = 'absolute-percpu' | 'relative' | 'pc-relative';

const TABLES = 0xffff_ffff_8200_0000n;
const STEXT = 0xffff_ffff_8100_0000n;

/** Gives a fake kernel a table of symbols; `_stext` is the first of them. Every byte is a token of its own. */
export function writeKallsyms(
  kernel: FakeKernel,
  symbols: readonly (readonly [string, bigint])[],
  addressing: Addressing = 'relative',
): void {
  const all = [['_stext', STEXT] as const, ...symbols];
  const names = Buffer.concat(
    all.map(([name]) => {
      const text = Buffer.from(`D${name}`, 'latin1');
      const length = text.length < 0x80 ? [text.length] : [0x80 | (text.length & 0x7f), text.length >> 7];
      return Buffer.concat([Buffer.from(length), text]);
    }),
  );
  const tokenTable = Buffer.concat(
    Array.from({ length: 256 }, (_, byte) => Buffer.from(byte === 0 ? [0] : [byte, 0])),
  );
  // Token 0 is the empty text, so the others stand from 1 on, two bytes each.
  const tokenIndex = Buffer.from(
    Uint16Array.from({ length: 256 }, (_, byte) => (byte === 0 ? 0 : 2 * byte - 1)).buffer,
  );
  let next = TABLES;
  const put = (name: string, bytes: Uint8Array): bigint => {
    const address = next;
    kernel.write(address, bytes);
    kernel.note.set(`SYMBOL(kallsyms_${name})`, address.toString(16));
    next += BigInt(Math.ceil(bytes.length / 8) * 8);
    return address;
  };
  kernel.note.set('SYMBOL(_stext)', STEXT.toString(16));
  put('num_syms', u32(all.length));
  put('names', names);
  put('token_table', tokenTable);
  put('token_index', tokenIndex);
  if (addressing !== 'pc-relative') put('relative_base', u64(STEXT));
  const offsetOf = (address: bigint, index: number): bigint => {
    if (addressing === 'relative') return address - STEXT;
    if (addressing === 'absolute-percpu') return address < STEXT ? address : STEXT - 1n - address;
    return address - (next + BigInt(4 * index));
  };
  put(
    'offsets',
    Buffer.concat(all.map(([, address], index) => u32(Number(BigInt.asUintN(32, offsetOf(address, index)))))),
  );
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
