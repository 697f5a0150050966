/**
 * Runs the few x86-64 instructions that occur in asm/trampoline.S, in long mode, on memory given
 * as byte arrays. Anything else throws: an unknown opcode or operand, a flag that the instruction
 * before left undefined, an access outside the memory. Opcodes: Intel SDM vol. 2.
 */

export interface MemoryPiece {
  readonly base: number;
  readonly bytes: Uint8Array;
}

/** Register numbers as instructions encode them. */
export const REG = {
  ...{ rax: 0, rcx: 1, rdx: 2, rbx: 3, rsp: 4, rbp: 5, rsi: 6, rdi: 7 },
  ...{ r8: 8, r9: 9, r10: 10, r11: 11, r12: 12, r13: 13, r14: 14, r15: 15 },
} as const;

/** Where a run ended. */
export type Stop = { readonly kind: 'left'; readonly rip: bigint } | { readonly kind: 'halted' };

type Operand = { readonly register: number } | { readonly address: bigint };

const MAX_STEPS = 10_000;
const MASK_64 = (1n << 64n) - 1n;

export class X86 {
  readonly registers = new BigUint64Array(16);
  readonly cr: Record<0 | 3 | 4, bigint> = { 0: 0n, 3: 0n, 4: 0n };
  rip = 0n;
  /** Undefined after an instruction that leaves the flag undefined. */
  zero: boolean | undefined;
  carry: boolean | undefined;
  direction = true;
  /** Grows by one with each rdtsc. */
  tsc = 1n;
  readonly outputs: { readonly port: number; readonly value: number }[] = [];
  readonly #memory: readonly MemoryPiece[];

  constructor(memory: readonly MemoryPiece[]) {
    this.#memory = memory;
  }

  /** Runs until the instruction pointer leaves the pieces of memory, or `hlt`. */
  run(): Stop {
    for (let step = 0; step < MAX_STEPS; step += 1) {
      if (this.#pieceAt(this.rip, 1) === undefined) return { kind: 'left', rip: this.rip };
      if (this.#step() === 'halt') return { kind: 'halted' };
    }
    throw new Error('the code does not end');
  }

  get(name: keyof typeof REG): bigint {
    return this.registers[REG[name]]!;
  }

  set(name: keyof typeof REG, value: bigint | number): void {
    this.registers[REG[name]] = BigInt(value);
  }

  readMemory(address: bigint, sizeBytes: number): bigint {
    const { bytes, offset } = this.#find(address, sizeBytes);
    let value = 0n;
    for (let at = sizeBytes - 1; at >= 0; at -= 1) value = (value << 8n) | BigInt(bytes[offset + at]!);
    return value;
  }

  #writeMemory(address: bigint, sizeBytes: number, value: bigint): void {
    const { bytes, offset } = this.#find(address, sizeBytes);
    for (let at = 0; at < sizeBytes; at += 1) bytes[offset + at] = Number((value >> BigInt(8 * at)) & 0xffn);
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

  #fetch(sizeBytes: number): bigint {
    const value = this.readMemory(this.rip, sizeBytes);
    this.rip += BigInt(sizeBytes);
    return value;
  }

  #fetchSigned(sizeBytes: number): bigint {
    return BigInt.asIntN(8 * sizeBytes, this.#fetch(sizeBytes));
  }

  #readRegister(register: number, bits: number): bigint {
    return BigInt.asUintN(bits, this.registers[register]!);
  }

  /** A 32-bit result clears the upper half; smaller ones leave the rest as it is. */
  #writeRegister(register: number, bits: number, value: bigint): void {
    const keep = bits >= 32 ? 0n : (this.registers[register]! >> BigInt(bits)) << BigInt(bits);
    this.registers[register] = keep | BigInt.asUintN(bits, value);
  }

  #read(operand: Operand, bits: number): bigint {
    if ('register' in operand) return this.#readRegister(operand.register, bits);
    return this.readMemory(operand.address, bits / 8);
  }

  #write(operand: Operand, bits: number, value: bigint): void {
    if ('register' in operand) this.#writeRegister(operand.register, bits, value);
    else this.#writeMemory(operand.address, bits / 8, value);
  }

  #push(value: bigint): void {
    this.set('rsp', this.get('rsp') - 8n);
    this.#writeMemory(this.get('rsp'), 8, value);
  }

  #pop(): bigint {
    const value = this.readMemory(this.get('rsp'), 8);
    this.set('rsp', this.get('rsp') + 8n);
    return value;
  }

  /** ModRM byte, SIB byte and displacement: `reg` with REX.R, and the register or address of r/m. */
  #modRm(rex: number): { reg: number; rm: Operand } {
    const byte = Number(this.#fetch(1));
    const mod = byte >> 6;
    const reg = ((byte >> 3) & 7) | ((rex & 4) << 1);
    const low = byte & 7;
    if (mod === 3) return { reg, rm: { register: low | ((rex & 1) << 3) } };
    if (mod === 0 && low === 5) throw new Error('an address relative to %rip is not known here');
    let address: bigint;
    if (low === 4) {
      const sib = Number(this.#fetch(1));
      const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
      if (mod === 0 && (sib & 7) === 5) throw new Error('an address without a base is not known here');
      address = this.registers[(sib & 7) | ((rex & 1) << 3)]!;
      if (index !== REG.rsp) address += this.registers[index]! << BigInt(sib >> 6);
    } else {
      address = this.registers[low | ((rex & 1) << 3)]!;
    }
    if (mod === 1) address += this.#fetchSigned(1);
    if (mod === 2) address += this.#fetchSigned(4);
    return { reg, rm: { address: address & MASK_64 } };
  }

  #setFlags(zero: boolean | undefined, carry: boolean | undefined): void {
    this.zero = zero;
    this.carry = carry;
  }

  /** Sets the flags as and, or and xor do. */
  #logic(bits: number, value: bigint): bigint {
    const result = BigInt.asUintN(bits, value);
    this.#setFlags(result === 0n, false);
    return result;
  }

  #flag(name: 'zero' | 'carry'): boolean {
    const value = this[name];
    if (value === undefined)
      throw new Error(`0x${this.rip.toString(16)}: a jump on an undefined ${name} flag`);
    return value;
  }

  #jumpIf(condition: boolean): void {
    const distance = this.#fetchSigned(1);
    if (condition) this.rip += distance;
  }

  #step(): 'halt' | undefined {
    const start = this.rip;
    let opcode = Number(this.#fetch(1));
    const word = opcode === 0x66;
    if (word) opcode = Number(this.#fetch(1));
    const rex = opcode >> 4 === 4 ? opcode : 0;
    if (rex !== 0) opcode = Number(this.#fetch(1));
    const wordOrLong = word ? 16 : 32;
    const bits = (rex & 8) !== 0 ? 64 : wordOrLong;
    if (opcode === 0xf4) return 'halt';
    const known =
      opcode === 0x0f
        ? this.#twoBytes(rex)
        : this.#withoutModRm(opcode, rex, bits) || this.#withModRm(opcode, rex, bits);
    if (!known) throw new Error(`0x${start.toString(16)}: unknown instruction ${opcode.toString(16)}`);
    return undefined;
  }

  #twoBytes(rex: number): boolean {
    const opcode = Number(this.#fetch(1));
    if (opcode === 0x31) {
      this.tsc += 1n;
      this.#writeRegister(REG.rax, 32, this.tsc);
      this.#writeRegister(REG.rdx, 32, this.tsc >> 32n);
      return true;
    }
    const modRm = Number(this.#fetch(1));
    const control = (modRm >> 3) & 7;
    if (rex !== 0 || modRm < 0xc0 || (control !== 0 && control !== 3 && control !== 4)) return false;
    this.#setFlags(undefined, undefined);
    if (opcode === 0x20) this.registers[modRm & 7] = this.cr[control];
    else if (opcode === 0x22) this.cr[control] = this.registers[modRm & 7]!;
    else return false;
    return true;
  }

  #withoutModRm(opcode: number, rex: number, bits: number): boolean {
    const register = (opcode & 7) | ((rex & 1) << 3);
    switch (opcode & 0xf8) {
      case 0x50: // push; a REX prefix changes only the register
        this.#push(this.registers[register]!);
        return true;
      case 0x58:
        this.registers[register] = this.#pop();
        return true;
      case 0xb8: // mov imm, r
        this.#writeRegister(register, bits, this.#fetch(bits / 8));
        return true;
    }
    const al = Number(this.#readRegister(REG.rax, 8));
    switch (opcode) {
      case 0x0d: // or imm32, %rax
        this.#writeRegister(REG.rax, bits, this.#logic(bits, this.get('rax') | this.#fetchSigned(4)));
        return true;
      case 0x72: // jb
        this.#jumpIf(this.#flag('carry'));
        return true;
      case 0x73: // jae
        this.#jumpIf(!this.#flag('carry'));
        return true;
      case 0x74: // je
        this.#jumpIf(this.#flag('zero'));
        return true;
      case 0xb0: // mov imm8, %al
        this.#writeRegister(REG.rax, 8, this.#fetch(1));
        return true;
      case 0xc3: // ret
        this.rip = this.#pop();
        return true;
      case 0xe6: // out %al, imm8
        this.outputs.push({ port: Number(this.#fetch(1)), value: al });
        return true;
      case 0xe8: {
        const distance = this.#fetchSigned(4);
        this.#push(this.rip);
        this.rip += distance;
        return true;
      }
      case 0xeb: // jmp
        this.#jumpIf(true);
        return true;
      case 0xee: // out %al, %dx
        this.outputs.push({ port: Number(this.#readRegister(REG.rdx, 16)), value: al });
        return true;
      case 0xfc: // cld
        this.direction = false;
        return true;
    }
    return false;
  }

  #withModRm(opcode: number, rex: number, bits: number): boolean {
    const { reg, rm } = this.#modRm(rex);
    const operation = reg & 7;
    const source = (): bigint => this.#readRegister(reg, bits);
    const target = (): bigint => this.#read(rm, bits);
    const immediate = (sizeBytes: number): bigint => BigInt.asUintN(bits, this.#fetchSigned(sizeBytes));
    if (opcode === 0x09) this.#write(rm, bits, this.#logic(bits, target() | source()));
    else if (opcode === 0x31) this.#write(rm, bits, this.#logic(bits, target() ^ source()));
    else if (opcode === 0x69) {
      this.#writeRegister(reg, bits, target() * this.#fetchSigned(4));
      this.#setFlags(undefined, undefined);
    } else if (opcode === 0x83 && operation === 1)
      this.#write(rm, bits, this.#logic(bits, target() | immediate(1)));
    else if (opcode === 0x83 && operation === 7) {
      const [a, b] = [target(), immediate(1)];
      this.#setFlags(a === b, a < b);
    } else if (opcode === 0x89) this.#write(rm, bits, source());
    else if (opcode === 0x8b) this.#writeRegister(reg, bits, target());
    else if (opcode === 0x8d && 'address' in rm) this.#writeRegister(reg, bits, rm.address);
    else if (opcode === 0xc1 && operation === 4) {
      this.#write(rm, bits, target() << this.#fetch(1));
      this.#setFlags(undefined, undefined);
    } else if (opcode === 0xc7 && operation === 0) this.#write(rm, bits, immediate(4));
    else if (opcode === 0xf7 && operation === 0) this.#logic(bits, target() & immediate(4));
    else if (opcode === 0xff && operation === 0) {
      const result = BigInt.asUintN(bits, target() + 1n);
      this.#write(rm, bits, result);
      this.#setFlags(result === 0n, this.carry);
    } else if (opcode === 0xff && operation === 4) this.rip = this.#read(rm, 64);
    else return false;
    return true;
  }
}
