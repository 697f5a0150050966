import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TorporError } from '../base/errors.ts';
import { loadMemoryFixture, readerOf } from './kernel-log.fixture.ts';
import {
  type KernelLogRecord,
  type ReadKernelLogOptions,
  readKernelLog,
  renderKernelLogRecord,
} from './kernel-log.ts';
import { decodePrintkLayout } from './printk-layout.ts';
import { KernelAddressSpace } from './virtual-memory.ts';
import { decodeVmcoreinfo, parseVmcoreinfoLocation, type Vmcoreinfo } from './vmcoreinfo.ts';

type Pages = Map<number, Uint8Array>;

function noteIn(pages: Pages, location: string): Vmcoreinfo {
  const { address, sizeBytes } = parseVmcoreinfoLocation(location);
  return decodeVmcoreinfo(readerOf(pages).read(address, sizeBytes));
}

/** The log as `dmesg -r` prints it. */
function rawLines(records: readonly KernelLogRecord[]): string[] {
  return records.flatMap((record) => {
    const priority = `<${record.facility * 8 + record.level}>`;
    return renderKernelLogRecord(record)
      .split('\n')
      .map((line) => priority + line);
  });
}

const failOnDamage: ReadKernelLogOptions = { onDamage: (what) => assert.fail(what) };
const booted = loadMemoryFixture('six12-la57');
const note = noteIn(booted.pages, booted.header.vmcoreinfo);

/** The fixture with some of its pages copied, so that a test can write to them. */
function damaged(): {
  pages: Pages;
  poke(address: bigint, offset: number, value: bigint): void;
  at(name: string): bigint;
} {
  const pages = new Map([...booted.pages].map(([address, bytes]) => [address, bytes.slice()]));
  const space = new KernelAddressSpace(readerOf(pages), note);
  const view = (address: bigint): DataView => {
    const physical = space.translate(address)!;
    return new DataView(pages.get(physical - (physical % 4096))!.buffer, physical % 4096);
  };
  const ring = view(decodePrintkLayout(note).ringPointer).getBigUint64(0, true);
  return {
    pages,
    poke: (address, offset, value) => view(address + BigInt(offset)).setBigUint64(0, value, true),
    at: (name) =>
      name === 'ring'
        ? ring
        : view(ring + BigInt(decodePrintkLayout(note).ring[name as 'descs'])).getBigUint64(0, true),
  };
}

describe('readKernelLog', () => {
  for (const [name, what] of [
    ['six12-la57', 'the static ring, 5 levels of page tables, KASLR'],
    ['six12-dynamic', 'an allocated ring (log_buf_len=), 4 levels, KASLR'],
  ] as const) {
    it(`gives what dmesg printed: ${what}`, () => {
      const { header, pages } = loadMemoryFixture(name);
      const records = readKernelLog(readerOf(pages), noteIn(pages, header.vmcoreinfo), failOnDamage);
      assert.deepEqual(rawLines(records), header.dmesg.split('\n'));
      assert.deepEqual(
        records.map(({ seq }) => seq),
        records.map((_, index) => BigInt(index)),
      );
      assert.equal(records.at(-2)?.text, 'two\nlines');
      assert.equal(records.at(-1)?.text, '');
    });
  }

  it('gives the last words of a kernel that panicked, in a ring that wrapped', () => {
    const { header, pages } = loadMemoryFixture('six12-panic');
    const records = readKernelLog(readerOf(pages), noteIn(pages, header.vmcoreinfo), failOnDamage);
    assert.ok(records[0]!.seq > 8000n, 'the ring has wrapped');
    const lines = rawLines(records);
    const printed = header.dmesg.split('\n');
    const start = printed.indexOf(lines[0]!);
    assert.ok(start >= 0);
    assert.deepEqual(lines.slice(0, printed.length - start), printed.slice(start));
    const onConsole = header.console.trimEnd().split('\n').slice(-5);
    assert.match(onConsole.at(-1)!, /end Kernel panic - not syncing: sysrq triggered crash/);
    assert.deepEqual(records.slice(-5).map(renderKernelLogRecord), onConsole);
  });

  it('walks only the last descriptors when asked', () => {
    const all = readKernelLog(readerOf(booted.pages), note);
    for (const last of [0, 1, 20, all.length, 100_000]) {
      const records = readKernelLog(readerOf(booted.pages), note, { last, ...failOnDamage });
      assert.deepEqual(records, all.slice(Math.max(0, all.length - last)));
    }
  });

  it('leaves out a damaged record and says so', () => {
    const memory = damaged();
    const { desc, info } = decodePrintkLayout(note);
    memory.poke(memory.at('descs'), 5 * desc.sizeBytes + desc.begin, 0x123n);
    memory.poke(memory.at('infos'), 7 * info.sizeBytes + info.seq, 0x456n);
    const told: string[] = [];
    const records = readKernelLog(readerOf(memory.pages), note, { onDamage: (what) => told.push(what) });
    const all = readKernelLog(readerOf(booted.pages), note);
    assert.deepEqual(
      records,
      all.filter(({ seq }) => seq !== 5n && seq !== 7n),
    );
    assert.deepEqual(told, ['2 records were left out: its text is unreadable, its sequence number is wrong']);
  });

  it('takes the last line that was not ended, and skips one that was being written', () => {
    const memory = damaged();
    const all = readKernelLog(readerOf(booted.pages), note);
    const { desc } = decodePrintkLayout(note);
    const idOf = (index: bigint): bigint => BigInt.asUintN(32, index - 8192n);
    const head = BigInt(all.length - 1);
    memory.poke(memory.at('descs'), Number(head) * desc.sizeBytes + desc.state, idOf(head) | (1n << 62n));
    memory.poke(memory.at('descs'), desc.sizeBytes + desc.state, idOf(1n));
    const records = readKernelLog(readerOf(memory.pages), note, failOnDamage);
    assert.deepEqual(
      records,
      all.filter(({ seq }) => seq !== 1n),
    );
  });

  it('searches the whole ring when its head or tail is wrong', () => {
    const all = readKernelLog(readerOf(booted.pages), note);
    for (const [field, value] of [
      ['headId', 0x77n],
      ['tailId', 0x3fff_ffff_0000_0000n],
    ] as const) {
      const memory = damaged();
      memory.poke(memory.at('ring'), decodePrintkLayout(note).ring[field], value);
      const told: string[] = [];
      const records = readKernelLog(readerOf(memory.pages), note, { onDamage: (what) => told.push(what) });
      assert.deepEqual(records, all, field);
      assert.match(told[0]!, field === 'headId' ? /head of the ring/ : /tail of the ring/);
    }
  });

  it('is empty, not an error, when the ring is nowhere', () => {
    const told: string[] = [];
    const nothing = readerOf(new Map());
    assert.deepEqual(readKernelLog(nothing, note, { onDamage: (what) => told.push(what) }), []);
    assert.match(told[0]!, /^the pointer to the ring at 0xffffffff/);
  });

  it('refuses a note with an absurd layout', () => {
    const absurd = {
      ...note,
      offset: (name: string) => (name === 'prb_desc.state_var' ? 20 : note.offset(name)),
    };
    assert.throws(() => readKernelLog(readerOf(booted.pages), absurd), {
      code: 'E_VMCOREINFO',
      facts: { structure: 'prb_desc', member: 'state', offset: 20, sizeBytes: 24 },
    });
  });

  it('survives any damage', () => {
    const addresses = [...booted.pages.keys()];
    const flip = fc.record({ page: fc.nat(addresses.length - 1), byte: fc.nat(4095), bit: fc.nat(7) });
    fc.assert(
      fc.property(
        fc.array(flip, { minLength: 1, maxLength: 400 }),
        fc.option(fc.nat(400), { nil: undefined }),
        (flips, last) => {
          const pages = new Map([...booted.pages].map(([address, bytes]) => [address, bytes.slice()]));
          for (const { page, byte, bit } of flips) pages.get(addresses[page]!)![byte]! ^= 1 << bit;
          try {
            const info = noteIn(pages, booted.header.vmcoreinfo);
            const records = readKernelLog(readerOf(pages), info, last === undefined ? {} : { last });
            assert.ok(records.length <= Math.min(last ?? 2 ** 20, 2 ** 20));
            records.map(renderKernelLogRecord);
          } catch (error) {
            assert.ok(error instanceof TorporError && error.code === 'E_VMCOREINFO', String(error));
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('renderKernelLogRecord', () => {
  it('shows control characters instead of sending them to a terminal', () => {
    const record = {
      seq: 0n,
      timestampNs: 12_345_678_901n,
      level: 6,
      facility: 0,
      text: 'a\x1b[2J\tb\nc\x7f',
    };
    assert.equal(renderKernelLogRecord(record), '[   12.345678] a\\x1b[2J\tb\n[   12.345678] c\\x7f');
  });
});
