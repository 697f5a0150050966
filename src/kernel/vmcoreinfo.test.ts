import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TorporError } from '../base/errors.ts';
import { loadMemoryFixture, readerOf } from './kernel-log.fixture.ts';
import { decodeVmcoreinfo, parseVmcoreinfoLocation } from './vmcoreinfo.ts';

const REQUIRED =
  'OSRELEASE=6.12.1\nPAGESIZE=4096\nKERNELOFFSET=1a000000\nNUMBER(phys_base)=-4096\nNUMBER(pgtable_l5_enabled)=1\n';

function noteOf(text: string, name = 'VMCOREINFO\0', sizeBytes = 0x1024): Uint8Array {
  const note = Buffer.alloc(sizeBytes);
  note.writeUInt32LE(name.length, 0);
  note.writeUInt32LE(text.length, 4);
  note.write(name, 12, 'latin1');
  note.write(text, 24, 'latin1');
  return note;
}

const isVmcoreinfoError = (error: unknown): boolean =>
  error instanceof TorporError && error.code === 'E_VMCOREINFO' && error.hint !== undefined;

describe('decodeVmcoreinfo', () => {
  it('reads the note of a real kernel', () => {
    const { header, pages } = loadMemoryFixture('six12-la57');
    const { address, sizeBytes } = parseVmcoreinfoLocation(header.vmcoreinfo);
    const info = decodeVmcoreinfo(readerOf(pages).read(address, sizeBytes));
    assert.match(info.osrelease, /^6\.12\./);
    assert.equal(info.pageSize, 4096);
    assert.equal(info.la57, true);
    assert.equal(info.symbol('init_top_pgt'), info.symbol('swapper_pg_dir'));
    assert.equal(info.symbol('_stext'), 0xffff_ffff_8100_0000n + info.kernelOffset);
    assert.equal(info.size('printk_info'), 88);
    assert.equal(info.offset('printk_info.text_len'), 16);
    assert.equal(info.length('zone.free_area'), 11);
    assert.equal(BigInt.asUintN(32, info.number('PAGE_BUDDY_MAPCOUNT_VALUE')), 0xf0000000n);
  });

  it('reads every kind of number', () => {
    const info = decodeVmcoreinfo(noteOf(`${REQUIRED}NUMBER(VMALLOC_START)=0xffffc90000000000\nSIZE(a)=7\n`));
    assert.equal(info.physBase, -4096n);
    assert.equal(info.kernelOffset, 0x1a000000n);
    assert.equal(info.number('VMALLOC_START'), 0xffff_c900_0000_0000n);
    assert.equal(info.has('SIZE(a)'), true);
    assert.throws(() => info.size('b'), isVmcoreinfoError);
  });

  it('names the key that is missing or malformed', () => {
    assert.throws(() => decodeVmcoreinfo(noteOf(REQUIRED.replace('PAGESIZE', 'PAGE'))), {
      code: 'E_VMCOREINFO',
      facts: { key: 'PAGESIZE' },
    });
    assert.throws(() => decodeVmcoreinfo(noteOf(REQUIRED.replace('-4096', '-0x1000'))), {
      code: 'E_VMCOREINFO',
      facts: { key: 'NUMBER(phys_base)', value: '-0x1000' },
    });
  });

  it('refuses what is not a note', () => {
    assert.throws(() => decodeVmcoreinfo(new Uint8Array(20)), isVmcoreinfoError);
    assert.throws(() => decodeVmcoreinfo(new Uint8Array(4096)), isVmcoreinfoError);
    assert.throws(() => decodeVmcoreinfo(noteOf(REQUIRED, 'CORE\0')), isVmcoreinfoError);
    const tooLong = Buffer.from(noteOf(REQUIRED));
    tooLong.writeUInt32LE(0x1024, 4);
    assert.throws(() => decodeVmcoreinfo(tooLong), isVmcoreinfoError);
  });

  it('decodes or refuses any text', () => {
    const line = fc.tuple(fc.constantFrom(...REQUIRED.split('\n').map((l) => l.split('=')[0]!)), fc.string());
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const text = Buffer.from(lines.map(([key, value]) => `${key}=${value}\n`).join('')).toString(
          'latin1',
        );
        try {
          assert.equal(typeof decodeVmcoreinfo(noteOf(text)).physBase, 'bigint');
        } catch (error) {
          assert.ok(isVmcoreinfoError(error), String(error));
        }
      }),
    );
  });
});

describe('parseVmcoreinfoLocation', () => {
  it('reads both numbers as hexadecimal', () => {
    assert.deepEqual(parseVmcoreinfoLocation('0x00000000004c0000 1024\n'), {
      address: 0x4c0000,
      sizeBytes: 0x1024,
    });
  });

  it('refuses anything else', () => {
    for (const text of [
      '',
      '0x1000',
      '0x1000 0',
      '0x1000 -1',
      '0xffffffffffffffff 1024',
      '1000 fffffff',
      'a b c',
    ]) {
      assert.throws(() => parseVmcoreinfoLocation(text), isVmcoreinfoError, text);
    }
  });
});
