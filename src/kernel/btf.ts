import { TorporError } from '../base/errors.ts';
import { type BtfTypes, decodeBtfTypes, KIND } from './btf-types.ts';

/** A member of a structure, wherever it is nested. */
export interface BtfMember {
  /** From the start of the structure that was asked about. */
  readonly offsetBytes: number;
  /** Of the member; of one element when it is an array. 0 when unknown. */
  readonly elementBytes: number;
  /** Elements of an array; 1 when it is none. */
  readonly elements: number;
  /** Name of the structure or union that it is (or that it is an array of); empty otherwise. */
  readonly structure: string;
}

/** A chain of typedefs, arrays of arrays: deeper is damage. */
const MAX_DEPTH = 32;
/** Unnamed structures and unions within one. */
const MAX_NESTED = 1000;

/**
 * The types of a kernel, from the BTF that it carries in its own memory
 * (Documentation/bpf/btf.rst; kinds up to ENUM64, newer ones when the BTF says how long they are).
 */
export class Btf {
  readonly #types: BtfTypes;
  readonly #members = new Map<string, BtfMember | null>();

  private constructor(types: BtfTypes) {
    this.#types = types;
  }

  /** Throws E_KERNEL_DATA when the bytes are not BTF, or damaged. */
  static decode(bytes: Uint8Array): Btf {
    return new Btf(decodeBtfTypes(bytes));
  }

  /**
   * The member `a.b` of a structure; unnamed structures and unions are looked through. Null when there
   * is none. Throws E_KERNEL_DATA when two structures have this name and different such members.
   */
  findMember(structure: string, path: string): BtfMember | null {
    const key = `${structure}.${path}`;
    const known = this.#members.get(key);
    if (known !== undefined) return known;
    const answers = new Map<string, BtfMember>();
    for (const id of this.#types.named(structure, [KIND.STRUCT, KIND.UNION])) {
      const member = this.#follow(id, path.split('.'));
      if (member !== null) answers.set(JSON.stringify(member), member);
    }
    if (answers.size > 1) throw lacking(`its BTF has several structures with a member ${key}`);
    const [answer = null] = answers.values();
    this.#members.set(key, answer);
    return answer;
  }

  /** As findMember. Throws E_KERNEL_DATA when there is no such member. */
  member(structure: string, path: string): BtfMember {
    const member = this.findMember(structure, path);
    if (member === null) throw lacking(`its BTF has no member ${path} in struct ${structure}`);
    return member;
  }

  /** Bytes from the start of a structure to a member. Throws E_KERNEL_DATA. */
  offset(structure: string, path: string): number {
    return this.member(structure, path).offsetBytes;
  }

  /** sizeof a structure. Throws E_KERNEL_DATA when there is none of that name, or several that differ. */
  size(structure: string): number {
    const sizes = new Set(
      this.#types.named(structure, [KIND.STRUCT]).map((id) => this.#types.sizeOrType(id)),
    );
    if (sizes.size !== 1) throw lacking(`its BTF has ${sizes.size} sizes of struct ${structure}`);
    return [...sizes][0]!;
  }

  /** The value of an enumerator, in whichever enum. Throws E_KERNEL_DATA when there is none, or several that differ. */
  enumerator(name: string): number {
    const values = new Set(this.#types.enumerators(name));
    if (values.size !== 1) throw lacking(`its BTF has ${values.size} values of ${name}`);
    return [...values][0]!;
  }

  /** The offset of the first unnamed structure's member, for variables of unnamed types; null when there is none or several. */
  offsetInUnnamed(member: string, ofStructure: string): number | null {
    const offsets = new Set<number>();
    for (const id of this.#types.named('', [KIND.STRUCT])) {
      const found = this.#types.members(id).find(({ name }) => name === member);
      if (found === undefined || found.bitfield) continue;
      if (this.#describe(found.type, 0).structure === ofStructure) offsets.add(found.offsetBytes);
    }
    return offsets.size === 1 ? [...offsets][0]! : null;
  }

  #follow(id: number, path: readonly string[]): BtfMember | null {
    const [first, ...rest] = path;
    const found = this.#search(id, first!, new Set());
    if (found === null) return null;
    if (rest.length === 0) return { offsetBytes: found.offsetBytes, ...this.#describe(found.type, 0) };
    const inner = this.#follow(this.#strip(found.type), rest);
    return inner && { ...inner, offsetBytes: inner.offsetBytes + found.offsetBytes };
  }

  /** `seen`: types that were looked through; a name stands in a structure once. */
  #search(id: number, name: string, seen: Set<number>): { offsetBytes: number; type: number } | null {
    const kind = this.#types.kind(id);
    if (seen.has(id) || (kind !== KIND.STRUCT && kind !== KIND.UNION)) return null;
    seen.add(id);
    const members = this.#types.members(id);
    for (const member of members) {
      // A bit field has no address.
      if (member.name === name) return member.bitfield ? null : member;
    }
    for (const member of members) {
      if (member.name !== '' || member.bitfield || seen.size > MAX_NESTED) continue;
      const inner = this.#search(this.#strip(member.type), name, seen);
      if (inner !== null) return { ...inner, offsetBytes: inner.offsetBytes + member.offsetBytes };
    }
    return null;
  }

  #describe(id: number, depth: number): Omit<BtfMember, 'offsetBytes'> {
    const type = this.#strip(id);
    const kind = this.#types.kind(type);
    if (kind === KIND.ARRAY && depth < MAX_DEPTH) {
      const { element, count } = this.#types.array(type);
      const inner = this.#describe(element, depth + 1);
      return { ...inner, elements: inner.elements * count };
    }
    const isStructure = kind === KIND.STRUCT || kind === KIND.UNION;
    return {
      elementBytes: kind === KIND.PTR ? 8 : this.#types.hasSize(type) ? this.#types.sizeOrType(type) : 0,
      elements: 1,
      structure: isStructure ? this.#types.name(type) : '',
    };
  }

  /** The type behind typedefs, const, volatile, restrict and tags. */
  #strip(id: number): number {
    let type = id;
    for (let depth = 0; depth < MAX_DEPTH && this.#types.isModifier(type); depth += 1) {
      type = this.#types.sizeOrType(type);
    }
    return type;
  }
}

function lacking(message: string): TorporError {
  return new TorporError('E_KERNEL_DATA', `unknown structures: ${message}`);
}
