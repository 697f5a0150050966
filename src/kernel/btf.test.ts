import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TorporError } from '../base/errors.ts';
import { encodeBtf, type FakeType } from './btf.fixture.ts';
import { Btf } from './btf.ts';

const TYPES: readonly FakeType[] = [
  /* 1 */ { kind: 'INT', name: 'int', size: 4 },
  /* 2 */ { kind: 'INT', name: 'char', size: 1 },
  /* 3 */ { kind: 'ARRAY', type: 2, count: 16 },
  /* 4 */ { kind: 'TYPEDEF', name: 'inner_t', type: 5 },
  /* 5 */ {
    kind: 'STRUCT',
    name: 'inner',
    size: 16,
    members: [
      ['x', 1, 0],
      ['y', 1, 64],
    ],
  },
  /* 6 */ {
    kind: 'UNION',
    name: '',
    size: 16,
    members: [
      ['hidden', 1, 0],
      ['deep', 4, 0],
    ],
  },
  /* 7 */ { kind: 'CONST', type: 4 },
  /* 8 */ { kind: 'ARRAY', type: 7, count: 3 },
  /* 9 */ { kind: 'ARRAY', type: 8, count: 2 },
  /* 10 */ { kind: 'PTR', type: 11 },
  /* 11 */ {
    kind: 'STRUCT',
    name: 'outer',
    size: 256,
    members: [
      ['comm', 3, 0],
      ['', 6, 128],
      ['next', 10, 256],
      ['many', 9, 320],
      ['one', 7, 1088],
    ],
  },
  /* 12 */ {
    kind: 'STRUCT',
    name: 'flags',
    size: 8,
    members: [
      ['bit', 1, 3, 1],
      ['whole', 1, 32, 0],
    ],
  },
  /* 13 */ { kind: 'ENUM', name: '', values: { MM_FILEPAGES: 0, MM_ANONPAGES: 1, NEGATIVE: -2 } },
  /* 14 */ {
    kind: 'STRUCT',
    name: 'twice',
    size: 8,
    members: [
      ['same', 1, 0],
      ['other', 1, 32],
    ],
  },
  /* 15 */ {
    kind: 'STRUCT',
    name: 'twice',
    size: 16,
    members: [
      ['same', 1, 0],
      ['other', 1, 64],
    ],
  },
  /* 16 */ {
    kind: 'STRUCT',
    name: '',
    size: 16,
    members: [
      ['seq', 1, 0],
      ['inside', 5, 64],
    ],
  },
];

const refusal = { code: 'E_KERNEL_DATA' };

describe('Btf', () => {
  const btf = Btf.decode(encodeBtf(TYPES));

  it('finds members by name, also inside of others, unnamed ones and typedefs', () => {
    assert.deepEqual(btf.member('outer', 'comm'), {
      offsetBytes: 0,
      elementBytes: 1,
      elements: 16,
      structure: '',
    });
    assert.equal(btf.offset('outer', 'hidden'), 16);
    assert.equal(btf.offset('outer', 'deep.y'), 24);
    assert.equal(btf.offset('outer', 'one.y'), 144);
    assert.deepEqual(btf.member('outer', 'next'), {
      offsetBytes: 32,
      elementBytes: 8,
      elements: 1,
      structure: '',
    });
    assert.deepEqual(btf.member('outer', 'many'), {
      offsetBytes: 40,
      elementBytes: 16,
      elements: 6,
      structure: 'inner',
    });
    assert.equal(btf.size('outer'), 256);
    assert.equal(btf.enumerator('MM_ANONPAGES'), 1);
    assert.equal(btf.enumerator('NEGATIVE'), -2);
    assert.equal(btf.offsetInUnnamed('inside', 'inner'), 8);
  });

  it('says what is not there, and does not choose between two', () => {
    assert.equal(btf.findMember('outer', 'absent'), null);
    assert.equal(btf.findMember('absent', 'comm'), null);
    assert.equal(btf.findMember('outer', 'comm.x'), null);
    assert.throws(() => btf.member('outer', 'absent'), refusal);
    assert.throws(() => btf.size('inner_t'), refusal);
    assert.throws(() => btf.enumerator('int'), refusal);
    assert.equal(btf.offset('twice', 'same'), 0);
    assert.throws(() => btf.offset('twice', 'other'), /several structures/);
    assert.throws(() => btf.size('twice'), refusal);
    assert.equal(btf.offsetInUnnamed('inside', 'outer'), null);
  });

  it('has no offset for a bit field', () => {
    assert.equal(btf.findMember('flags', 'bit'), null);
    assert.equal(btf.offset('flags', 'whole'), 4);
  });

  it('goes over kinds of the future when the BTF says how long they are', () => {
    const future: FakeType = { kind: 40, tail: new Uint8Array(20) };
    const types = [
      future,
      ...TYPES.slice(0, 1),
      { kind: 'STRUCT', name: 's', size: 4, members: [['m', 2, 0]] } as const,
    ];
    assert.equal(Btf.decode(encodeBtf(types, { 40: 20 })).offset('s', 'm'), 0);
    assert.throws(() => Btf.decode(encodeBtf(types)), /kind 40/);
  });

  it('refuses what is not BTF', () => {
    assert.throws(() => Btf.decode(new Uint8Array(0)), refusal);
    assert.throws(() => Btf.decode(new Uint8Array(64)), refusal);
    const whole = encodeBtf(TYPES);
    for (let length = 0; length < whole.length; length += 1) {
      assert.throws(() => Btf.decode(whole.subarray(0, length)), refusal);
    }
  });

  it('answers or refuses whatever was damaged', () => {
    const whole = encodeBtf(TYPES);
    const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(damage, (bytes) => {
        const damaged = Buffer.from(whole);
        for (const [at, value] of bytes) damaged[at] = value;
        try {
          const types = Btf.decode(damaged);
          for (const [structure, path] of [
            ['outer', 'deep.y'],
            ['outer', 'many'],
            ['twice', 'same'],
          ] as const) {
            types.findMember(structure, path);
          }
          types.offsetInUnnamed('inside', 'inner');
          types.enumerator('MM_ANONPAGES');
        } catch (error) {
          assert.ok(error instanceof TorporError && error.code === 'E_KERNEL_DATA', String(error));
        }
      }),
      { numRuns: 500 },
    );
  });
});
