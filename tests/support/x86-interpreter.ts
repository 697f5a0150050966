import { REG, X86State } from './x86-state.ts';

/** Where a run ended. */
export type Stop = { readonly kind: 'left'; readonly rip: bigint } | { readonly kind: 'halted' };

const MAX_STEPS = 10_000;
/** Conditions as the low four bits of a conditional jump. */
const CONDITIONS: Record<number, readonly ['zero' | 'carry', boolean]> = {
  2: ['carry', true],
  3: ['carry', false],
  4: ['zero', true],
  5: ['zero', false],
};

/**
 * Runs the few x86-64 instructions of the 64-bit code in asm/trampoline.S; any other one throws.
 * Opcodes: Intel SDM vol. 2.
 */
export class X86 extends X86State {
  /** Grows by one with each rdtsc, and by more with each pause. */
  tsc = 1n;
  /** The part of cpuid that is asked for: the processor's name on the bus. */
  apicId = 0;
  /** False: a processor without CPUID leaf 0x0b. */
  hasTopology = true;
  readonly msr = new Map<number, bigint>();
  readonly outputs: { readonly port: number; readonly value: number }[] = [];

  /** Runs until the instruction pointer leaves the memory, or `hlt`. */
  run(): Stop {
    for (let step = 0; step < MAX_STEPS; step += 1) {
      if (!this.isMapped(this.rip)) return { kind: 'left', rip: this.rip };
      if (this.#step() === 'halt') return { kind: 'halted' };
    }
    throw new Error('the code does not end');
  }

  #step(): 'halt' | undefined {
    const start = this.rip;
    let opcode = Number(this.fetch(1));
    const prefix = opcode === 0x66 || opcode === 0xf3 ? opcode : 0;
    if (prefix !== 0) opcode = Number(this.fetch(1));
    const rex = opcode >> 4 === 4 ? opcode : 0;
    if (rex !== 0) opcode = Number(this.fetch(1));
    const wordOrLong = prefix === 0x66 ? 16 : 32;
    const bits = (rex & 8) !== 0 ? 64 : wordOrLong;
    if (opcode === 0xf4) return 'halt';
    if (!this.#run(prefix, opcode, rex, bits))
      throw new Error(`0x${start.toString(16)}: unknown instruction ${opcode.toString(16)}`);
    return undefined;
  }

  #run(prefix: number, opcode: number, rex: number, bits: number): boolean {
    if (prefix === 0xf3) return this.#repeated(opcode);
    if (opcode === 0x0f) return this.#twoBytes(Number(this.fetch(1)), rex);
    return this.#withoutModRm(opcode, rex, bits) || this.#withModRm(opcode, rex, bits);
  }

  #repeated(opcode: number): boolean {
    if (opcode === 0x90) this.tsc += 1n << 25n; // pause
    if (opcode !== 0xa4) return opcode === 0x90;
    // rep movsb
    if (this.direction) throw new Error('a copy without cld');
    for (; this.get('rcx') > 0n; this.set('rcx', this.get('rcx') - 1n)) {
      this.writeMemory(this.get('rdi'), 1, this.readMemory(this.get('rsi'), 1));
      this.set('rsi', this.get('rsi') + 1n);
      this.set('rdi', this.get('rdi') + 1n);
    }
    return true;
  }

  #twoBytes(opcode: number, rex: number): boolean {
    const pair = (low: bigint, high: bigint): void => {
      this.writeRegister(REG.rax, 32, low);
      this.writeRegister(REG.rdx, 32, high);
    };
    const msr = Number(this.readRegister(REG.rcx, 32));
    switch (opcode) {
      case 0x30: // wrmsr
        this.msr.set(msr, (this.readRegister(REG.rdx, 32) << 32n) | this.readRegister(REG.rax, 32));
        return true;
      case 0x31: // rdtsc
        this.tsc += 1n;
        pair(this.tsc, this.tsc >> 32n);
        return true;
      case 0x32: {
        const value = this.msr.get(msr);
        if (value === undefined) throw new Error(`rdmsr of 0x${msr.toString(16)}`);
        pair(value, value >> 32n);
        return true;
      }
      case 0xa2:
        this.#cpuid();
        return true;
    }
    if (opcode >> 4 === 8) return this.#jumpIf(opcode, 4);
    if (opcode !== 0x20 && opcode !== 0x22) return false;
    const modRm = Number(this.fetch(1));
    const control = (modRm >> 3) & 7;
    if (rex !== 0 || modRm < 0xc0 || (control !== 0 && control !== 3 && control !== 4)) return false;
    if (opcode === 0x20) this.registers[modRm & 7] = this.cr[control];
    else this.cr[control] = this.registers[modRm & 7]!;
    this.setFlags(undefined, undefined);
    return true;
  }

  #cpuid(): void {
    const leaf = Number(this.readRegister(REG.rax, 32));
    const answer: Record<number, readonly [number, number, number, number]> = {
      0: [this.hasTopology ? 0x16 : 4, 0, 0, 0],
      1: [0, ((this.apicId & 0xff) << 24) >>> 0, 0, 0],
      11: [0, 1, 0, this.apicId],
    };
    const values = answer[leaf];
    if (values === undefined) throw new Error(`cpuid ${leaf}`);
    const order = [REG.rax, REG.rbx, REG.rcx, REG.rdx];
    for (const [at, value] of values.entries()) this.writeRegister(order[at]!, 32, BigInt(value));
  }

  #jumpIf(opcode: number, sizeBytes: number): boolean {
    const condition = CONDITIONS[opcode & 15];
    if (condition === undefined) return false;
    const distance = this.fetchSigned(sizeBytes);
    if (this.flag(condition[0]) === condition[1]) this.rip += distance;
    return true;
  }

  #withoutModRm(opcode: number, rex: number, bits: number): boolean {
    const register = (opcode & 7) | ((rex & 1) << 3);
    const out = (port: bigint): boolean => {
      this.outputs.push({ port: Number(port), value: Number(this.readRegister(REG.rax, 8)) });
      return true;
    };
    const immediate = (): bigint => BigInt.asUintN(bits, this.fetchSigned(4));
    if (opcode >> 4 === 7) return this.#jumpIf(opcode, 1);
    switch (opcode & 0xf8) {
      case 0x50: // push; a REX prefix changes only the register
        this.push(this.registers[register]!);
        return true;
      case 0x58:
        this.registers[register] = this.pop();
        return true;
      case 0xb8: // mov imm, r
        this.writeRegister(register, bits, this.fetch(bits / 8));
        return true;
    }
    const rax = this.readRegister(REG.rax, bits);
    switch (opcode) {
      case 0x0d: // or imm32, %rax
        this.writeRegister(REG.rax, bits, this.logic(bits, rax | immediate()));
        return true;
      case 0x25: // and imm32, %rax
        this.writeRegister(REG.rax, bits, this.logic(bits, rax & immediate()));
        return true;
      case 0x3d: // cmp imm32, %rax
        this.subtract(bits, rax, immediate());
        return true;
      case 0xa9: // test imm32, %rax
        this.logic(bits, rax & immediate());
        return true;
      case 0xb0: // mov imm8, %al
        this.writeRegister(REG.rax, 8, this.fetch(1));
        return true;
      case 0xc3: // ret
        this.rip = this.pop();
        return true;
      case 0xe6: // out %al, imm8
        return out(this.fetch(1));
      case 0xee: // out %al, %dx
        return out(this.readRegister(REG.rdx, 16));
      case 0xe8:
      case 0xe9:
      case 0xeb: {
        const distance = this.fetchSigned(opcode === 0xeb ? 1 : 4);
        if (opcode === 0xe8) this.push(this.rip);
        this.rip += distance;
        return true;
      }
      case 0xfc: // cld
        this.direction = false;
        return true;
    }
    return false;
  }

  #withModRm(opcode: number, rex: number, bits: number): boolean {
    const whole = Math.min(bits / 8, 4);
    const sizes: Record<number, number> = { 105: whole, 129: whole, 131: 1, 193: 1, 199: whole };
    const immediateBytes = sizes[opcode] ?? 0;
    const { reg, rm } = this.modRm(rex, immediateBytes);
    const source = (): bigint => this.readRegister(reg, bits);
    const isJump = opcode === 0xff && (reg & 7) === 4;
    const target = (): bigint => this.read(rm, isJump ? 64 : bits);
    const immediate = (): bigint => BigInt.asUintN(bits, this.fetchSigned(immediateBytes));
    switch (opcode) {
      case 0x09: // or
        this.write(rm, bits, this.logic(bits, target() | source()));
        return true;
      case 0x29: // sub
        this.write(rm, bits, this.subtract(bits, target(), source()));
        return true;
      case 0x31: // xor
        this.write(rm, bits, this.logic(bits, target() ^ source()));
        return true;
      case 0x39: // cmp
        this.subtract(bits, target(), source());
        return true;
      case 0x3b:
        this.subtract(bits, source(), target());
        return true;
      case 0x69: // imul
        this.writeRegister(reg, bits, target() * BigInt.asIntN(bits, immediate()));
        this.setFlags(undefined, undefined);
        return true;
      case 0x85: // test
        this.logic(bits, target() & source());
        return true;
      case 0x89: // mov
        this.write(rm, bits, source());
        return true;
      case 0x8b:
        this.writeRegister(reg, bits, target());
        return true;
      case 0x8d: // lea
        if ('address' in rm) this.writeRegister(reg, bits, rm.address);
        return 'address' in rm;
      case 0x8e: // mov to a segment register
        this.segments[reg] = Number(this.read(rm, 16));
        return true;
    }
    return this.#group(opcode * 8 + (reg & 7), bits, target, immediate, (value) =>
      this.write(rm, bits, value),
    );
  }

  /** Opcodes that the middle field of ModRM completes, as `opcode * 8 + field`. */
  #group(
    key: number,
    bits: number,
    target: () => bigint,
    immediate: () => bigint,
    write: (value: bigint) => void,
  ): boolean {
    switch (key) {
      case 0x81 * 8 + 1:
      case 0x83 * 8 + 1:
        write(this.logic(bits, target() | immediate()));
        return true;
      case 0x81 * 8 + 4:
      case 0x83 * 8 + 4:
        write(this.logic(bits, target() & immediate()));
        return true;
      case 0x81 * 8 + 7:
      case 0x83 * 8 + 7:
        this.subtract(bits, target(), immediate());
        return true;
      case 0xc1 * 8 + 4: // shl
        write(target() << immediate());
        this.setFlags(undefined, undefined);
        return true;
      case 0xc1 * 8 + 5: // shr
        write(target() >> immediate());
        this.setFlags(undefined, undefined);
        return true;
      case 0xc7 * 8: // mov
        write(immediate());
        return true;
      case 0xf7 * 8: // test
        this.logic(bits, target() & BigInt.asUintN(bits, this.fetchSigned(4)));
        return true;
      case 0xff * 8: {
        // inc
        const result = BigInt.asUintN(bits, target() + 1n);
        write(result);
        this.setFlags(result === 0n, this.carry);
        return true;
      }
      case 0xff * 8 + 4: // jmp; always 64 bits
        this.rip = target();
        return true;
    }
    return false;
  }
}
