import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCodeName } from '../base/error-codes.ts';
import { failure } from '../base/errors.fixture.ts';
import { encodePlanArguments } from '../memory/plan-arguments.ts';
import {
  FAKE_BOOT_ID,
  FAKE_FIRMWARE,
  FAKE_PLAN,
  fakeMachine,
  leaveAndReturn,
  park,
  setState,
} from '../switchboard/fake.ts';
import { CONTROL, OFFSET, RECORD_BYTES } from '../switchboard/layout.ts';
import { FakeSys } from '../sys/fake.ts';
import { enterMachine } from './enter-machine.ts';
import { joinMachine } from './join.ts';

const IOMEM = '00100000-1fefffff : System RAM\n  10000000-10ffffff : Crash kernel\n';

/** Home on a machine whose switchboard is still empty memory. */
function home(change: Record<string, string> = {}): FakeSys {
  const memmap = FAKE_FIRMWARE.flatMap((range, at): [string, string][] => [
    [`/sys/firmware/memmap/${at}/start`, `0x${range.start.toString(16)}\n`],
    [`/sys/firmware/memmap/${at}/end`, `0x${(range.end - 1).toString(16)}\n`],
    [`/sys/firmware/memmap/${at}/type`, 'System RAM\n'],
  ]);
  return new FakeSys({
    memory: [FAKE_PLAN.switchboard],
    files: {
      ...Object.fromEntries(memmap),
      '/proc/cmdline': `quiet ${encodePlanArguments(FAKE_PLAN).join(' ')}\n`,
      '/proc/iomem': IOMEM,
      '/proc/sys/kernel/random/boot_id': `${FAKE_BOOT_ID}\n`,
      '/sys/kernel/vmcoreinfo': '0x0000000012345000 1024\n',
      ...change,
    },
  });
}

test('home writes the switchboard of its plan and completes its record', () => {
  const sys = home();
  const { switchboard, self } = joinMachine(sys, 'monitor');
  assert.deepEqual(switchboard.plan, FAKE_PLAN);
  assert.deepEqual(switchboard.firmware, FAKE_FIRMWARE);
  const { index, name, joined, crashArmed, kernelRelease, bootId, vmcoreinfo } = self;
  assert.deepEqual(
    { index, name, joined, crashArmed, kernelRelease, bootId, vmcoreinfo },
    {
      ...{ index: 0, name: 'monitor', joined: true, crashArmed: true, kernelRelease: '6.12.0-fake' },
      ...{ bootId: FAKE_BOOT_ID, vmcoreinfo: { address: 0x1234_5000, sizeBytes: 0x1024 } },
    },
  );
  assert.equal(sys.images.get('crash')!.entry, 0x1000_0000);
});

test('home writes which processor the firmware started, and whether a warm reset wakes it', () => {
  const cpuinfo = ['0', '1']
    .map((n) => `processor\t: ${n}\napicid\t\t: ${n}\ninitial apicid\t: 1${n}\n`)
    .join('\n');
  for (const [change, expected] of [
    [{ '/proc/cpuinfo': cpuinfo }, [10n, 1n]],
    [{ '/proc/cpuinfo': cpuinfo, '/sys/firmware/efi/systab': 'x' }, [10n, 0n]],
    [{}, [0n, 1n]],
  ] as const) {
    const sys = home(change);
    joinMachine(sys, 'monitor');
    const { bootApicId, canWake } = CONTROL.decode(
      sys.mapPhysical(FAKE_PLAN.switchboard).bytes,
      OFFSET.control,
    );
    assert.deepEqual([bootApicId, canWake], expected);
  }
});

test('joining again changes nothing', () => {
  const sys = home();
  joinMachine(sys, 'monitor');
  const { bytes } = sys.mapPhysical(FAKE_PLAN.switchboard);
  const before = bytes.slice();
  assert.equal(joinMachine(sys, 'another name').self.name, 'monitor');
  assert.ok(Buffer.from(bytes).equals(before));
});

test('after a restart of home the switchboard is written anew', () => {
  const sys = home();
  joinMachine(sys, 'monitor').switchboard.describe(1, { name: 'old' });
  sys.files.set('/proc/sys/kernel/random/boot_id', 'next\n');
  const { switchboard } = joinMachine(sys, 'monitor');
  assert.deepEqual([switchboard.homeBootId, switchboard.record(1).name], ['next', '']);
});

test('a damaged switchboard of this boot is not written over', () => {
  const sys = home();
  joinMachine(sys, 'monitor');
  const { bytes } = sys.mapPhysical(FAKE_PLAN.switchboard);
  bytes[OFFSET.records + RECORD_BYTES + 100]! ^= 1;
  const before = bytes.slice();
  failure('E_SWITCHBOARD_CHECKSUM', () => joinMachine(sys, 'monitor'));
  assert.ok(Buffer.from(bytes).equals(before));
});

test('home without a crashkernel reservation and without VMCOREINFO joins all the same', () => {
  const sys = home({ '/proc/iomem': '00100000-1fefffff : System RAM\n' });
  sys.files.delete('/sys/kernel/vmcoreinfo');
  const { self } = joinMachine(sys, 'monitor');
  assert.deepEqual([self.crashArmed, self.vmcoreinfo, self.joined], [false, null, true]);
});

const refused: [string, Record<string, string>, string, ErrorCodeName][] = [
  ['no plan', { '/proc/cmdline': 'torpor.switchboard=0x1ff00000' }, 'm', 'E_NO_PLAN'],
  ['no switchboard', { '/proc/cmdline': 'quiet' }, 'm', 'E_NO_PLAN'],
  ['a plan that the kernel ignores', { '/proc/iomem': '00100000-3fffffff : System RAM\n' }, 'm', 'E_NO_PLAN'],
  ['a name that is too long', {}, 'h'.repeat(33), 'E_USAGE'],
];
for (const [what, change, name, code] of refused) {
  test(`home with ${what} is ${code} and writes nothing`, () => {
    const sys = home(change);
    failure(code, () => joinMachine(sys, name));
    assert.ok(sys.mapPhysical(FAKE_PLAN.switchboard).bytes.every((byte) => byte === 0));
  });
}

/** Slot 2 has been booted from home and runs now. */
function guest(commandLine = 'torpor.switchboard=0x1ff00000 torpor.slot=2') {
  const made = fakeMachine();
  made.switchboard.describe(2, { name: 'debian12' });
  setState(made.bytes, 2, 'running');
  setState(made.bytes, 0, 'parked', 0x1234_5000);
  CONTROL.encodeInto(made.bytes, { current: 2n, target: 2n, sequence: 1n }, OFFSET.control);
  made.sys.files.set('/proc/cmdline', commandLine);
  made.sys.files.set('/proc/sys/kernel/random/boot_id', 'guest-boot\n');
  return made;
}

test('a guest completes its record and keeps its name', () => {
  const { sys } = guest();
  const { self } = joinMachine(sys, 'ignored');
  const { index, name, joined, bootId } = self;
  assert.deepEqual(
    { index, name, joined, bootId },
    { index: 2, name: 'debian12', joined: true, bootId: 'guest-boot' },
  );
});

test('a guest that the switchboard does not know of is refused', () => {
  const { sys } = guest('torpor.switchboard=0x1ff00000 torpor.slot=1');
  failure('E_SWITCHBOARD_VALUE', () => joinMachine(sys, 'x'));
});

test('enterMachine() goes back to whoever booted this OS, once', async () => {
  const made = guest();
  const { sys, switchboard } = made;
  switchboard.writeMailbox(2, [{ kind: 'return', to: 0 }]);
  const steps: string[] = [];
  sys.onReboot = () => {
    steps.push(`jump to ${switchboard.control().target}`);
    leaveAndReturn(made, 0);
  };
  await enterMachine(sys, 'x', (_, self) => steps.push(`joined as ${self.name}`));
  assert.deepEqual(steps, ['joined as debian12', 'jump to 0']);
  await enterMachine(sys, 'x', () => {});
  assert.equal(steps.length, 2);
});

test('enterMachine() without a message stays', async () => {
  const made = guest();
  park(made, 1, 'other');
  made.sys.onReboot = () => assert.fail('no jump');
  await enterMachine(made.sys, 'x', () => {});
});
