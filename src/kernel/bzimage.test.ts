import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TorporError } from '../base/errors.ts';
import { sampleBzImage } from './bzimage.fixture.ts';
import { decodeBzImage } from './bzimage.ts';
import { SETUP_HEADER, XLF } from './setup-header.ts';

const code = (name: string) => (error: unknown) => error instanceof TorporError && error.code === name;

test('decodes what a bzImage says about itself', () => {
  const image = decodeBzImage(sampleBzImage());
  assert.equal(image.version, '6.12.107-torpor (build@host) #1 SMP');
  assert.equal(image.setupBytes, 2048);
  assert.equal(image.kernelOffset, 2048);
  assert.equal(image.kernelBytes, 1024);
  assert.equal(image.headerEnd, 0x26c);
  assert.equal(image.prefAddress, 0x1000000);
  assert.equal(image.initSizeBytes, 22 << 20);
  assert.equal(image.above4G, true);
  assert.equal(image.fiveLevelPaging, false);
});

test('the offsets are those that a C compiler gives for struct setup_header (Linux 6.12)', () => {
  const offsets = Object.fromEntries(
    Object.entries(SETUP_HEADER.fields).map(([name, field]) => [name, field.offset]),
  );
  assert.deepEqual(offsets, {
    setupSectors: 0x1f1,
    kernelParagraphs: 0x1f4,
    bootFlag: 0x1fe,
    jump: 0x200,
    jumpDistance: 0x201,
    magic: 0x202,
    protocol: 0x206,
    kernelVersion: 0x20e,
    loaderType: 0x210,
    loadFlags: 0x211,
    code32Start: 0x214,
    ramdiskImage: 0x218,
    ramdiskSize: 0x21c,
    commandLine: 0x228,
    initrdAddressMax: 0x22c,
    kernelAlignment: 0x230,
    relocatable: 0x234,
    extendedLoadFlags: 0x236,
    commandLineMax: 0x238,
    hardwareSubarch: 0x23c,
    payloadOffset: 0x248,
    payloadLength: 0x24c,
    setupData: 0x250,
    prefAddress: 0x258,
    initSize: 0x260,
  });
});

test('refuses what is not a bzImage, and says what it is', () => {
  for (const [bytes, what] of [
    [Buffer.alloc(0), /empty/],
    [Buffer.alloc(4096), /no setup header/],
    [Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(4096)]), /ELF/],
    [Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(4096)]), /gzip/],
    [Buffer.concat([Buffer.from('070701'), Buffer.alloc(4096)]), /initrd/],
    [sampleBzImage().subarray(0, 0x200), /too short/],
    [sampleBzImage().subarray(0, 3000), /cut short/],
    [sampleBzImage({ header: { setupSectors: 0xff } }), /cut short/],
    // A kernel with an EFI stub begins as an EFI program does.
    [Buffer.concat([Buffer.from('MZ'), sampleBzImage().subarray(2, 3000)]), /cut short/],
    [sampleBzImage({ header: { payloadLength: 0xffffffff } }), /payload/],
    [sampleBzImage({ header: { kernelAlignment: 3 << 20 } }), /alignment/],
    [sampleBzImage({ header: { initSize: 0 } }), /memory size/],
    [sampleBzImage({ header: { prefAddress: 1n << 60n } }), /impossible/],
  ] as const) {
    assert.throws(
      () => decodeBzImage(bytes),
      (error) => code('E_NOT_BZIMAGE')(error) && what.test((error as Error).message),
      String(what),
    );
  }
});

test('refuses kernels without a 64-bit entry point and fixed ones', () => {
  const thirtyTwo = sampleBzImage({ header: { extendedLoadFlags: 0 } });
  assert.throws(() => decodeBzImage(thirtyTwo), code('E_KERNEL_32BIT'));
  assert.throws(() => decodeBzImage(sampleBzImage({ header: { protocol: 0x020a } })), code('E_KERNEL_32BIT'));
  assert.throws(
    () => decodeBzImage(sampleBzImage({ header: { relocatable: 0 } })),
    code('E_KERNEL_NOT_RELOCATABLE'),
  );
});

test('reads nothing outside the file for a wild version offset', () => {
  assert.equal(decodeBzImage(sampleBzImage({ header: { kernelVersion: 0xffff } })).version, '');
  assert.equal(decodeBzImage(sampleBzImage({ header: { kernelVersion: 0 } })).version, '');
});

test('any bytes decode to ranges inside the file or to a coded error', () => {
  const edit = fc.record({
    at: fc.integer({ min: 0x1f1, max: 0x26b }),
    value: fc.integer({ min: 0, max: 255 }),
  });
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 12 }), fc.nat({ max: 4000 }), (edits, cut) => {
      const file = sampleBzImage({ header: { extendedLoadFlags: XLF.kernel64 } });
      for (const { at, value } of edits) file[at] = value;
      const given = file.subarray(0, file.byteLength - (cut < 3000 ? 0 : cut - 3000));
      try {
        const image = decodeBzImage(given);
        assert.ok(image.kernelOffset + image.kernelBytes <= given.byteLength);
        assert.ok(image.payloadOffset + image.payloadBytes <= given.byteLength);
        assert.ok(image.headerEnd <= 0x290 && image.version.length <= 512);
      } catch (error) {
        assert.ok(error instanceof TorporError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
      assert.throws(() => decodeBzImage(bytes), TorporError);
    }),
  );
});
