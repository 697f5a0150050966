/** The state of an x86-64 processor in long mode: registers, flags, and memory given as byte arrays. */

export interface MemoryPiece {
  readonly base: number;
  readonly bytes: Uint8Array;
}

/** Register numbers as instructions encode them. */
export const REG = {
  ...{ rax: 0, rcx: 1, rdx: 2, rbx: 3, rsp: 4, rbp: 5, rsi: 6, rdi: 7 },
  ...{ r8: 8, r9: 9, r10: 10, r11: 11, r12: 12, r13: 13, r14: 14, r15: 15 },
} as const;

export type Operand = { readonly register: number } | { readonly address: bigint };

const MASK_64 = (1n << 64n) - 1n;

/** An access outside the memory and a jump on a flag that the instruction before left undefined throw. */
export class X86State {
  readonly registers = new BigUint64Array(16);
  readonly cr: Record<0 | 3 | 4, bigint> = { 0: 0n, 3: 0n, 4: 0n };
  /** es, cs, ss, ds, fs, gs */
  readonly segments = [0, 0, 0, 0, 0, 0];
  rip = 0n;
  zero: boolean | undefined;
  carry: boolean | undefined;
  direction = true;
  readonly #memory: readonly MemoryPiece[];

  constructor(memory: readonly MemoryPiece[]) {
    this.#memory = memory;
  }

  get(name: keyof typeof REG): bigint {
    return this.registers[REG[name]]!;
  }

  set(name: keyof typeof REG, value: bigint | number): void {
    this.registers[REG[name]] = BigInt(value);
  }

  isMapped(address: bigint): boolean {
    return this.#pieceAt(address, 1) !== undefined;
  }

  readMemory(address: bigint, sizeBytes: number): bigint {
    const { bytes, offset } = this.#find(address, sizeBytes);
    let value = 0n;
    for (let at = sizeBytes - 1; at >= 0; at -= 1) value = (value << 8n) | BigInt(bytes[offset + at]!);
    return value;
  }

  writeMemory(address: bigint, sizeBytes: number, value: bigint): void {
    const { bytes, offset } = this.#find(address, sizeBytes);
    for (let at = 0; at < sizeBytes; at += 1) bytes[offset + at] = Number((value >> BigInt(8 * at)) & 0xffn);
  }

  protected fetch(sizeBytes: number): bigint {
    const value = this.readMemory(this.rip, sizeBytes);
    this.rip += BigInt(sizeBytes);
    return value;
  }

  protected fetchSigned(sizeBytes: number): bigint {
    return BigInt.asIntN(8 * sizeBytes, this.fetch(sizeBytes));
  }

  readRegister(register: number, bits: number): bigint {
    return BigInt.asUintN(bits, this.registers[register]!);
  }

  /** A 32-bit result clears the upper half; smaller ones leave the rest as it is. */
  writeRegister(register: number, bits: number, value: bigint): void {
    const keep = bits >= 32 ? 0n : (this.registers[register]! >> BigInt(bits)) << BigInt(bits);
    this.registers[register] = keep | BigInt.asUintN(bits, value);
  }

  protected read(operand: Operand, bits: number): bigint {
    if ('register' in operand) return this.readRegister(operand.register, bits);
    return this.readMemory(operand.address, bits / 8);
  }

  protected write(operand: Operand, bits: number, value: bigint): void {
    if ('register' in operand) this.writeRegister(operand.register, bits, value);
    else this.writeMemory(operand.address, bits / 8, value);
  }

  protected push(value: bigint): void {
    this.set('rsp', this.get('rsp') - 8n);
    this.writeMemory(this.get('rsp'), 8, value);
  }

  protected pop(): bigint {
    const value = this.readMemory(this.get('rsp'), 8);
    this.set('rsp', this.get('rsp') + 8n);
    return value;
  }

  /**
   * ModRM byte, SIB byte and displacement: `reg` with REX.R, and the register or address of r/m. An
   * address relative to %rip counts from the instruction's end, `immediateBytes` further on.
   */
  protected modRm(rex: number, immediateBytes = 0): { reg: number; rm: Operand } {
    const byte = Number(this.fetch(1));
    const mod = byte >> 6;
    const reg = ((byte >> 3) & 7) | ((rex & 4) << 1);
    const low = byte & 7;
    if (mod === 3) return { reg, rm: { register: low | ((rex & 1) << 3) } };
    let address = low === 4 ? this.#sib(rex, mod) : this.registers[low | ((rex & 1) << 3)]!;
    if (mod === 0 && low === 5) {
      const distance = this.fetchSigned(4);
      address = this.rip + distance + BigInt(immediateBytes);
    }
    if (mod === 1) address += this.fetchSigned(1);
    if (mod === 2) address += this.fetchSigned(4);
    return { reg, rm: { address: address & MASK_64 } };
  }

  #sib(rex: number, mod: number): bigint {
    const sib = Number(this.fetch(1));
    const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
    const scaled = index === REG.rsp ? 0n : this.registers[index]! << BigInt(sib >> 6);
    const base =
      mod === 0 && (sib & 7) === 5 ? this.fetchSigned(4) : this.registers[(sib & 7) | ((rex & 1) << 3)]!;
    return base + scaled;
  }

  protected setFlags(zero: boolean | undefined, carry: boolean | undefined): void {
    this.zero = zero;
    this.carry = carry;
  }

  /** Sets the flags as and, or, xor and test do. */
  protected logic(bits: number, value: bigint): bigint {
    const result = BigInt.asUintN(bits, value);
    this.setFlags(result === 0n, false);
    return result;
  }

  /** Sets the flags as sub and cmp do. */
  protected subtract(bits: number, a: bigint, b: bigint): bigint {
    this.setFlags(a === b, a < b);
    return BigInt.asUintN(bits, a - b);
  }

  protected flag(name: 'zero' | 'carry'): boolean {
    const value = this[name];
    if (value === undefined)
      throw new Error(`0x${this.rip.toString(16)}: a jump on an undefined ${name} flag`);
    return value;
  }

  #pieceAt(address: bigint, sizeBytes: number): MemoryPiece | undefined {
    const end = address + BigInt(sizeBytes);
    return this.#memory.find(({ base, bytes }) => address >= base && end <= BigInt(base + bytes.length));
  }

  #find(address: bigint, sizeBytes: number): { bytes: Uint8Array; offset: number } {
    const piece = this.#pieceAt(address, sizeBytes);
    if (piece === undefined)
      throw new Error(`0x${this.rip.toString(16)}: no memory at 0x${address.toString(16)}`);
    return { bytes: piece.bytes, offset: Number(address) - piece.base };
  }
}
