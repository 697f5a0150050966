import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { TorporError } from '../base/errors.ts';
import { rangeOf } from '../base/ranges.ts';
import { KIB, MIB } from '../base/units.ts';
import { checkReserved } from './check-reserved.ts';
import type { MemoryPlan } from './memory-plan.ts';
import { decodePlanArguments, encodeGrubArguments, encodePlanArguments } from './plan-arguments.ts';

const code = (name: string) => (error: unknown) => error instanceof TorporError && error.code === name;
const plan: MemoryPlan = {
  switchboard: rangeOf(0x1ff00000, MIB),
  slots: [
    { index: 1, memory: rangeOf(0x20000000, 512 * MIB), low: rangeOf(0x10000, 64 * KIB) },
    { index: 2, memory: rangeOf(0x40000000, 256 * MIB), low: rangeOf(0x20000, 64 * KIB) },
  ],
};

test('one memmap= for each piece, and the plan itself', () => {
  assert.deepEqual(encodePlanArguments(plan), [
    'memmap=128K$0x10000',
    'memmap=769M$0x1ff00000',
    'torpor.switchboard=0x1ff00000',
    'torpor.slots=0x20000000+512M@0x10000+64K,0x40000000+256M@0x20000+64K',
  ]);
});

test('the GRUB form comes out of a shell as GRUB wants it', () => {
  const grub = encodeGrubArguments(plan);
  assert.match(grub, /^memmap=128K\\\\\\\$0x10000 /);
  // What grub-mkconfig writes: it sources the file and puts the value through a here-document.
  const script = `GRUB_CMDLINE_LINUX="${grub}"\ncat <<EOF\n\${GRUB_CMDLINE_LINUX}\nEOF\n`;
  const written = spawnSync('sh', ['-c', script], { encoding: 'utf8' }).stdout.trim();
  assert.equal(written.replaceAll('\\$', '$'), encodePlanArguments(plan).join(' '));
  assert.equal(written.split('\\$').length, 3);
});

test('reads back what it wrote, wherever it stands', () => {
  const line = encodePlanArguments(plan).join(' ');
  assert.deepEqual(decodePlanArguments(line), plan);
  assert.deepEqual(decodePlanArguments(`BOOT_IMAGE=/vmlinuz quiet ${line} torpor.other=1\n`), plan);
  assert.deepEqual(decodePlanArguments(`torpor.slots=junk ${line}`), plan);
});

test('no plan: a guest, an ordinary machine', () => {
  assert.equal(decodePlanArguments(''), null);
  assert.equal(decodePlanArguments('quiet splash'), null);
  assert.equal(decodePlanArguments('torpor.switchboard=0x1ff00000 torpor.slot=2'), null);
});

test('half a plan or a damaged one is an error', () => {
  const slots = 'torpor.slots=0x20000000+512M@0x10000+64K';
  for (const line of [
    slots,
    `${slots} torpor.switchboard=`,
    `${slots} torpor.switchboard=0xzz`,
    `${slots}, torpor.switchboard=0x1ff00000`,
    `${slots}@1+1 torpor.switchboard=0x1ff00000`,
    'torpor.slots= torpor.switchboard=0x1ff00000',
    'torpor.slots=0x20000000+0M@0x10000+64K torpor.switchboard=0x1ff00000',
    'torpor.slots=0x20000000+999999999G@0x10000+64K torpor.switchboard=0x1ff00000',
    `torpor.slots=${Array(16).fill('0x20000000+512M@0x10000+64K').join(',')} torpor.switchboard=0x1ff00000`,
  ]) {
    assert.throws(() => decodePlanArguments(line), code('E_NO_PLAN'), line);
  }
});

test('any plan survives the round trip; any text is a plan, none, or a coded error', () => {
  const range = (unit: number) =>
    fc
      .tuple(fc.nat({ max: 2 ** 20 }), fc.integer({ min: 1, max: 2 ** 20 }))
      .map(([start, size]) => rangeOf(start * unit, size * unit));
  const slots = fc.array(fc.record({ memory: range(2 * MIB), low: range(4 * KIB) }), {
    minLength: 1,
    maxLength: 15,
  });
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 31 - 1 }), slots, (switchboard, list) => {
      const any: MemoryPlan = {
        switchboard: rangeOf(switchboard * MIB, MIB),
        slots: list.map((slot, position) => ({ index: position + 1, ...slot })),
      };
      assert.deepEqual(decodePlanArguments(encodePlanArguments(any).join(' ')), any);
    }),
  );
  const text = fc.string({ unit: fc.constantFrom(...'0x19afKMG+@,$ ='), maxLength: 40 });
  fc.assert(
    fc.property(text, text, (a, b) => {
      try {
        decodePlanArguments(`torpor.switchboard=${a} torpor.slots=${b}`);
      } catch (error) {
        assert.ok(code('E_NO_PLAN')(error), String(error));
      }
    }),
    { numRuns: 1000 },
  );
});

const IOMEM = `00000000-00000fff : Reserved
00001000-0000ffff : System RAM
00010000-0002ffff : Reserved
00030000-0009fbff : System RAM
00100000-1fefffff : System RAM
  01000000-02000e9f : Kernel code
1ff00000-4fffffff : Reserved
50000000-7ffdffff : System RAM
`;

test('/proc/iomem shows whether home keeps out', () => {
  checkReserved(IOMEM, plan);
  const ignored = IOMEM.replace('1ff00000-4fffffff : Reserved', '1ff00000-4fffffff : System RAM');
  assert.throws(() => checkReserved(ignored, plan), code('E_NO_PLAN'));
  const low = IOMEM.replace('00010000-0002ffff : Reserved', '00010000-0002ffff : System RAM');
  assert.throws(() => checkReserved(low, plan), /low slice of slot 1/);
  assert.throws(
    () => checkReserved('00000000-00000000 : Reserved\n00000000-00000000 : System RAM\n', plan),
    code('E_NOT_ROOT'),
  );
  assert.throws(() => checkReserved('', plan), code('E_NO_FIRMWARE_MAP'));
});

test('any text of /proc/iomem is checked or refused with a code', () => {
  const row = fc
    .tuple(
      fc.bigInt({ min: 0n, max: 1n << 64n }),
      fc.bigInt({ min: 0n, max: 1n << 64n }),
      fc.constantFrom('System RAM', 'Reserved', ''),
    )
    .map(([a, b, name]) => `${a.toString(16)}-${b.toString(16)} : ${name}`);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(row).map((rows) => rows.join('\n')),
      ),
      (text) => {
        try {
          checkReserved(text, plan);
        } catch (error) {
          assert.ok(error instanceof TorporError, String(error));
        }
      },
    ),
  );
});
