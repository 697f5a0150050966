import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TorporError } from '../base/errors.ts';
import { contains, overlaps, rangeOf } from '../base/ranges.ts';
import { GIB, KIB, MIB, physAddr } from '../base/units.ts';
import { PC_BIOS_2G, SERVER_64G } from '../memory/firmware-map.fixture.ts';
import { planMemory } from '../memory/plan-memory.ts';
import { sampleBzImage } from './bzimage.fixture.ts';
import { decodeBzImage } from './bzimage.ts';
import { type PlaceKernelInput, placeKernel } from './place-kernel.ts';
import { SETUP_HEADER, XLF } from './setup-header.ts';

const code = (name: string) => (error: unknown) => error instanceof TorporError && error.code === name;

function inputFor(
  kernelFile: Uint8Array,
  options: Partial<PlaceKernelInput> & { sizeBytes?: number; high?: boolean } = {},
): PlaceKernelInput {
  const firmware = options.high === true ? SERVER_64G : PC_BIOS_2G;
  const at = options.high === true ? 8 * GIB : 0x20000000;
  const { plan } = planMemory(firmware, { slots: [{ sizeBytes: options.sizeBytes ?? 256 * MIB }], at });
  const { sizeBytes: _, high: __, ...rest } = options;
  return {
    kernelFile,
    bzImage: decodeBzImage(kernelFile),
    initrd: new Uint8Array(5000).fill(7),
    commandLine: 'console=ttyS0 root=/dev/vda',
    slot: plan.slots[0]!,
    plan,
    firmware,
    acpiRsdp: physAddr(0),
    bootParamsOfThisOs: null,
    ...rest,
  };
}

test('kernel 16 MiB into the slot, initrd at its end, the rest in the slot header', () => {
  const placed = placeKernel(inputFor(sampleBzImage()));
  assert.equal(placed.entry, 0x21000200);
  assert.equal(placed.bootParams, 0x20002000);
  assert.deepEqual(
    placed.writes.map((write) => [write.destination, write.bytes.byteLength]),
    [
      [0x20002000, 4096],
      [0x20004000, 28],
      [0x21000000, 1024],
      [0x2fffe000, 5000],
    ],
  );
  const header = SETUP_HEADER.decode(placed.writes[0]!.bytes);
  assert.deepEqual(
    [header.ramdiskImage, header.ramdiskSize, header.commandLine],
    [0x2fffe000, 5000, 0x20004000],
  );
  assert.equal(Buffer.from(placed.writes[1]!.bytes).toString(), 'console=ttyS0 root=/dev/vda\0');
});

test('goes up to the alignment and to the lowest address that the kernel runs at', () => {
  const aligned = placeKernel(inputFor(sampleBzImage({ header: { kernelAlignment: 64 * MIB } })));
  assert.equal(aligned.entry - 0x200, 0x24000000);
  const late = placeKernel(inputFor(sampleBzImage({ header: { prefAddress: 0x28000000n } })));
  assert.equal(late.entry - 0x200, 0x28000000);
});

test('above 4 GiB only kernels that can be there', () => {
  const placed = placeKernel(inputFor(sampleBzImage(), { high: true }));
  assert.equal(placed.entry, 8 * GIB + 16 * MIB + 0x200);
  const low = sampleBzImage({ header: { extendedLoadFlags: XLF.kernel64 } });
  assert.throws(() => placeKernel(inputFor(low, { high: true })), code('E_KERNEL_NOT_RELOCATABLE'));
});

test('a kernel without ABOVE_4G gets its initrd below its own limit', () => {
  const file = sampleBzImage({ header: { extendedLoadFlags: XLF.kernel64, initrdAddressMax: 0x27ffffff } });
  const initrd = placeKernel(inputFor(file)).writes[3]!;
  assert.ok(initrd.destination + initrd.bytes.byteLength <= 0x28000000);
});

test('refuses what does not fit, saying what is missing', () => {
  const big = sampleBzImage({ initSizeBytes: 49 * MIB });
  assert.throws(() => placeKernel(inputFor(big, { sizeBytes: 64 * MIB })), code('E_KERNEL_TOO_LARGE'));
  const fits = inputFor(sampleBzImage({ initSizeBytes: 48 * MIB }), { sizeBytes: 64 * MIB, initrd: null });
  assert.equal(placeKernel(fits).writes.length, 3);
  assert.throws(() => placeKernel({ ...fits, initrd: new Uint8Array(1) }), code('E_INITRD_TOO_LARGE'));
  assert.throws(
    () => placeKernel(inputFor(sampleBzImage(), { initrd: new Uint8Array(300 * MIB) })),
    code('E_INITRD_TOO_LARGE'),
  );
});

test('the command line: as many bytes as the kernel takes, and never more than the room', () => {
  const place = (commandLine: string, max = 2047) =>
    placeKernel(inputFor(sampleBzImage({ header: { commandLineMax: max } }), { commandLine }));
  assert.equal(place('x'.repeat(2047)).writes[1]!.bytes.byteLength, 2048);
  assert.throws(() => place('x'.repeat(2048)), code('E_CMDLINE_TOO_LONG'));
  assert.throws(() => place('ä'.repeat(1024)), code('E_CMDLINE_TOO_LONG'));
  assert.throws(() => place('x'.repeat(49 * KIB), 0xffffffff), code('E_CMDLINE_TOO_LONG'));
  assert.equal(Buffer.from(place('a\nb\0c').writes[1]!.bytes).toString(), 'a b c\0');
});

test('any kernel and initrd: writes lie in the slot, apart from each other and from the stub pages', () => {
  const sizes = fc.record({
    initSizeMib: fc.integer({ min: 1, max: 260 }),
    initrdBytes: fc.integer({ min: 0, max: 2 * MIB }),
    alignmentLog: fc.integer({ min: 12, max: 27 }),
    high: fc.boolean(),
  });
  fc.assert(
    fc.property(sizes, ({ initSizeMib, initrdBytes, alignmentLog, high }) => {
      const file = sampleBzImage({
        initSizeBytes: initSizeMib * MIB,
        header: { kernelAlignment: 2 ** alignmentLog },
      });
      const input = inputFor(file, { initrd: new Uint8Array(initrdBytes), high });
      try {
        const { writes, entry } = placeKernel(input);
        assert.equal((entry - 0x200) % 2 ** alignmentLog, 0);
        const ranges = writes.map((write) => rangeOf(write.destination, write.bytes.byteLength));
        const reserved = [
          rangeOf(input.slot.memory.start, 0x2000),
          rangeOf(entry - 0x200, initSizeMib * MIB),
        ];
        for (const [position, range] of ranges.entries()) {
          assert.ok(contains(input.slot.memory, range));
          const others = [
            ...ranges.slice(position + 1),
            reserved[0]!,
            ...(position === 2 ? [] : [reserved[1]!]),
          ];
          assert.ok(!others.some((other) => overlaps(other, range)));
        }
      } catch (error) {
        assert.ok(error instanceof TorporError, String(error));
      }
    }),
    { numRuns: 60 },
  );
});
