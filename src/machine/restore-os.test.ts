import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Snapshot } from '../bank/snapshot.ts';
import type { ErrorCodeName } from '../base/error-codes.ts';
import { asyncFailure } from '../base/errors.fixture.ts';
import { encodeStub } from '../switchboard/code.ts';
import { park, setState } from '../switchboard/fake.ts';
import {
  addDisk,
  type BankMachine,
  bankMachine,
  CPUINFO,
  ENTRY,
  fillSome,
  PLAN,
} from './bank-machine.fixture.ts';
import { takeMessages } from './messages.ts';
import { type RestoreOptions, restoreOs } from './restore-os.ts';
import { describeRestorePlan, planRestore, type RestoreWish } from './restore-plan.ts';
import { planSnapshot, snapshotOs } from './snapshot-os.ts';

const REFERENCE = 'debian12@monday';

/** A machine with a snapshot of its OS, which has gone on since. */
async function saved(): Promise<BankMachine & { snapshot: Snapshot; then: ReturnType<typeof content> }> {
  const made = bankMachine();
  const { sys, switchboard, registry, bank } = made;
  const plan = planSnapshot(sys, switchboard, registry, { os: 'debian12', tag: 'monday', note: '' });
  await snapshotOs(switchboard, bank, plan);
  plan.close();
  const then = content(made);
  fillSome(made.memory, 77);
  fillSome(made.low, 78);
  made.disk.bytes.fill(79);
  return { ...made, snapshot: bank.find(REFERENCE), then };
}

const content = ({ memory, low, disk }: BankMachine) => [memory.slice(), low.slice(), disk.bytes.slice()];
type Saved = Awaited<ReturnType<typeof saved>>;

const plan = (made: Saved, wish: RestoreWish = { slot: null }) =>
  planRestore(made.sys, made.switchboard, made.registry, made.snapshot, made.bank.unfinishedRestore(), wish);
const restore = (made: Saved, options: RestoreOptions = {}) =>
  restoreOs(made.sys, made.switchboard, made.bank, plan(made), options);

function assertAsSaved(made: Saved): void {
  for (const [at, now] of content(made).entries())
    assert.ok(Buffer.from(now).equals(made.then[at]!), ['memory', 'low slice', 'disk'][at]!);
}

test('an OS is brought back: memory, low slice, disk, record and a message', async () => {
  const made = await saved();
  const result = await restore(made, { check: true });
  assertAsSaved(made);
  assert.deepEqual(
    [result.reference, result.slot, result.generation, Object.keys(result.stagesMs)],
    [REFERENCE, 1, 1, ['verify', 'journal', 'place', 'check', 'record']],
  );
  const record = made.switchboard.record(1);
  const { state, entry, name, bootId, kernelRelease, joined, snapshot } = record;
  assert.deepEqual(
    { state, entry, name, bootId, kernelRelease, joined, snapshot },
    {
      state: 'parked',
      entry: ENTRY,
      name: 'debian12',
      bootId: 'boot-of-debian12',
      kernelRelease: '6.12.1',
      joined: true,
      snapshot: { id: made.snapshot.id, generation: 1 },
    },
  );
  const [message, ...others] = takeMessages(made.switchboard, 1);
  assert.ok(message?.kind === 'restored');
  assert.deepEqual([message.reference, message.generation, others], [REFERENCE, 1, []]);
  assert.equal(Buffer.from(message.seed, 'base64').length, 64);
  assert.equal(made.bank.unfinishedRestore(), null);
  assert.equal(made.disk.open, 0);
  assert.ok(made.disk.syncs > 0);
});

test('each restore of a snapshot is another generation with another seed', async () => {
  const made = await saved();
  const seeds = new Set<string>();
  for (const generation of [1, 2, 3]) {
    fillSome(made.memory, generation);
    assert.equal((await restore(made)).generation, generation);
    const [message] = takeMessages(made.switchboard, 1);
    assert.ok(message?.kind === 'restored');
    seeds.add(message.seed);
    assertAsSaved(made);
  }
  assert.equal(seeds.size, 3);
});

test('it is brought back into an empty slot of a machine that has restarted', async () => {
  const made = await saved();
  made.switchboard.setEmpty(1, 1);
  made.memory.fill(0);
  await restore(made);
  assertAsSaved(made);
  assert.equal(made.switchboard.record(1).state, 'parked');
});

test('free pages get what the kernel expects in them', async () => {
  for (const [freePages, byte] of [
    ['any', 0],
    ['poison', 0xaa],
  ] as const) {
    const made = await saved();
    const { snapshot } = made;
    const kernel = { ...snapshot.description.kernel, freePages };
    const regions = snapshot.description.regions;
    assert.equal(regions[0]!.name, 'memory');
    const changed = { ...snapshot, description: { ...snapshot.description, kernel } };
    await restore({ ...made, snapshot: changed });
    // No page of this fake is free: the target is asked directly.
    const { memoryTarget } = await import('./memory-region.ts');
    const slot = PLAN.slots[0]!;
    const target = memoryTarget(made.sys, 'memory', slot.memory, freePages);
    target.free(3, 2);
    assert.ok(made.memory.subarray(3 * 4096, 5 * 4096).every((value) => value === byte));
    target.close();
  }
});

const obstacles: [string, ErrorCodeName, RegExp, (made: Saved) => RestoreWish | undefined][] = [
  [
    'another firmware map',
    'E_OTHER_MACHINE',
    /memory map differs: \[0x100000, 0x3fe00000\).* usable is gone; .* usable is new/,
    (made) => {
      const { machine } = made.snapshot.description;
      machine.firmwareMap[1] = { start: 0x10_0000, end: 0x3fe0_0000, type: 'usable' };
      return undefined;
    },
  ],
  [
    'another place of the switchboard',
    'E_OTHER_MACHINE',
    /elsewhere: 0x3ff00000 then, 0x1ff00000 now/,
    (made) => {
      made.snapshot.description.machine.switchboard = 0x3ff0_0000;
      return undefined;
    },
  ],
  [
    'another maker of processors',
    'E_OTHER_MACHINE',
    /GenuineFake then, Other now/,
    ({ sys }) => {
      sys.files.set('/proc/cpuinfo', CPUINFO.replaceAll('GenuineFake', 'Other'));
      return undefined;
    },
  ],
  [
    'a missing processor feature',
    'E_OTHER_MACHINE',
    /the processor lacks avx$/,
    ({ sys }) => {
      // rep_good is what Linux says of itself.
      sys.files.set('/proc/cpuinfo', CPUINFO.replaceAll(' avx rep_good', ''));
      return undefined;
    },
  ],
  [
    'another paging mode',
    'E_PAGING_MODE',
    /4 levels in the snapshot and 5 levels here/,
    ({ sys }) => {
      sys.files.set('/proc/cpuinfo', CPUINFO.replaceAll('rep_good', 'la57'));
      return undefined;
    },
  ],
  [
    'fewer processors',
    'E_OTHER_MACHINE',
    /number of processors differs: 2 then, 1 now/,
    ({ sys }) => {
      sys.files.set('/proc/cpuinfo', CPUINFO.split('\n\n')[0]!);
      return undefined;
    },
  ],
  [
    'a slot that is elsewhere',
    'E_NO_SLOT',
    /memory of the snapshot, .* is not inside that of slot 2/,
    () => ({ slot: 2 }),
  ],
  ['a slot that does not exist', 'E_NO_SLOT', /no slot 9; this machine has 3/, () => ({ slot: 9 })],
  [
    'memory that no slot has',
    'E_NO_SLOT',
    /is not inside that of slot 1/,
    (made) => {
      made.snapshot.description.machine.slot.memory = { start: 0x1000_0000, end: 0x1400_0000 };
      return undefined;
    },
  ],
  [
    'a low slice that is elsewhere',
    'E_NO_SLOT',
    /low slice of the snapshot, .* is not inside that of slot 1/,
    (made) => {
      made.snapshot.description.machine.slot.low = { start: 0x8_0000, end: 0x9_0000 };
      return undefined;
    },
  ],
  [
    'another OS in the slot',
    'E_NO_SLOT',
    /slot 1 holds “debian13” \(parked\)/,
    (made) => {
      park(made, 1, 'debian13');
      return undefined;
    },
  ],
  [
    'the same OS in another slot',
    'E_OS_BOOTED',
    /“debian12” is parked in slot 3 and uses the same disks/,
    (made) => {
      made.switchboard.setEmpty(1, 1);
      park(made, 3, 'debian12');
      return undefined;
    },
  ],
  [
    'a disk that is not there',
    'E_DISK_MISSING',
    /the disk d12 of “debian12” is not there/,
    ({ sys }) => {
      sys.files.set('/sys/block/vdb/serial', 'other');
      return undefined;
    },
  ],
  [
    'a disk of another size',
    'E_DISK_CHANGED',
    /d12 \(\/dev\/vdc\) has 8192 bytes, not 1049088/,
    (made) => {
      made.sys.files.delete('/sys/block/vdb/serial');
      addDisk(made, 'vdc', 'd12', 8192);
      return undefined;
    },
  ],
  [
    'a disk that home has mounted',
    'E_DISK_IN_USE',
    /in use here: \/mnt/,
    ({ sys }) => {
      sys.files.set('/proc/self/mountinfo', '30 21 254:98 / /mnt rw - ext4 /dev/vdb rw\n');
      return undefined;
    },
  ],
  [
    'a disk of another resident OS',
    'E_DISK_IN_USE',
    /belongs to “debian13”, which is resident/,
    (made) => {
      park(made, 2, 'debian13');
      const disks = [{ id: '/dev/vdb', name: 'vdb', shared: false }];
      made.registry.add({ name: 'debian13', kernel: '/k', args: '', disks });
      return undefined;
    },
  ],
  [
    'a shared disk that has moved on',
    'E_DISK_CHANGED',
    /shared disk data \(\/dev\/vdc\) was changed after the snapshot/,
    (made) => {
      addDisk(made, 'vdc', 'data', 8192);
      const fence = `whole:${'0'.repeat(64)}`;
      made.snapshot.description.disks.push({ name: 'data', sizeBytes: 8192, shared: true, fence });
      return undefined;
    },
  ],
  [
    'an unfinished restore of another OS',
    'E_RESTORE_UNFINISHED',
    /the restore of debian13@x was interrupted/,
    (made) => {
      made.bank.beginRestore({ ...made.snapshot, reference: 'debian13@x' }, 2);
      return undefined;
    },
  ],
];
for (const [what, code, message, change] of obstacles) {
  test(`${what} stands against a restore, and nothing is touched`, async () => {
    const made = await saved();
    const wish = change(made) ?? { slot: null };
    const before = content(made);
    const switchboard = made.bytes.slice();
    const planned = plan(made, wish);
    assert.match(
      planned.obstacles.map((obstacle) => obstacle.message).join('\n'),
      new RegExp(message.source, 'm'),
    );
    const error = await asyncFailure(code, restoreOs(made.sys, made.switchboard, made.bank, planned));
    assert.match(error.message, /debian12@monday cannot be restored here/);
    assert.deepEqual(
      error.facts.differences,
      planned.obstacles.map((obstacle) => obstacle.message),
    );
    assert.ok(error.hint);
    for (const [at, now] of content(made).entries()) assert.ok(Buffer.from(now).equals(before[at]!));
    assert.ok(Buffer.from(made.bytes).equals(switchboard));
    assert.equal(made.disk.open, 0);
    assert.doesNotThrow(() => JSON.stringify(describeRestorePlan(planned)));
  });
}

test('all that stands against a restore is told at once', async () => {
  const made = await saved();
  made.sys.files.set('/proc/cpuinfo', CPUINFO.split('\n\n')[0]!.replace('avx', ''));
  made.sys.files.set('/sys/block/vdb/serial', 'other');
  assert.deepEqual(
    plan(made).obstacles.map(({ code }) => code),
    ['E_OTHER_MACHINE', 'E_OTHER_MACHINE', 'E_DISK_MISSING'],
  );
});

test('a damaged snapshot is found before anything is touched', async () => {
  const made = await saved();
  const before = content(made);
  const pack = made.snapshot.description.packs[0]!.digest.replace('sha256:', 'blobs/sha256/');
  const bytes = made.storage.read(pack)!.slice();
  bytes[200]! ^= 1;
  const file = made.storage.create(pack);
  file.append(bytes);
  file.close();
  await asyncFailure('E_BANK_DAMAGED', restore(made));
  for (const [at, now] of content(made).entries()) assert.ok(Buffer.from(now).equals(before[at]!));
  assert.equal(made.switchboard.record(1).state, 'parked');
  assert.equal(made.bank.unfinishedRestore(), null);
});

test('a disk that cannot be opened for writing is found before anything is touched', async () => {
  const made = await saved();
  made.disk.isHeld = true;
  const { facts } = await asyncFailure('E_SYSCALL', restore(made));
  assert.equal(facts.errno, 'EBUSY');
  assert.equal(made.switchboard.record(1).state, 'parked');
  assert.equal(made.bank.unfinishedRestore(), null);
});

test('a restore that fails while it writes leaves an empty slot, says so, and can be repeated', async () => {
  const made = await saved();
  made.disk.writesFailAfter = 0;
  await asyncFailure('E_SYSCALL', restore(made));
  assert.equal(made.switchboard.record(1).state, 'empty');
  assert.equal(made.bank.unfinishedRestore()?.reference, REFERENCE);
  assert.equal(made.disk.open, 0);
  made.disk.writesFailAfter = Number.POSITIVE_INFINITY;
  await restore(made, { check: true });
  assertAsSaved(made);
  assert.equal(made.bank.unfinishedRestore(), null);
});

test('memory that does not keep what is written is found by a check, and the OS cannot run', async () => {
  const made = await saved();
  const write = made.disk.bytes.set.bind(made.disk.bytes);
  made.disk.bytes.set = (source: ArrayLike<number>, offset?: number) => {
    write(source, offset);
    made.disk.bytes[4100] = 1;
  };
  const { facts, hint } = await asyncFailure('E_RESTORE_DIFFERS', restore(made, { check: true }));
  assert.deepEqual(facts.differences, ['disk:d12: pages 1 to 1']);
  assert.match(hint!, /torpor restore debian12@monday/);
  assert.equal(made.switchboard.record(1).state, 'empty');
  assert.notEqual(made.bank.unfinishedRestore(), null);
});

test('a stub that names another slot than the one it is in now is replaced', async () => {
  const made = await saved();
  const { snapshot, switchboard } = made;
  snapshot.description.machine.slot.index = 3;
  await restore(made);
  const stub = encodeStub(switchboard.base, 'park', 1);
  assert.ok(Buffer.from(made.memory.subarray(0, 4096)).equals(stub));
  assert.ok(Buffer.from(made.memory.subarray(4096)).equals(made.then[0]!.subarray(4096)));
});

test('without its old slot a snapshot goes where its memory is', async () => {
  const made = await saved();
  made.snapshot.description.machine.slot.index = 2;
  assert.equal(plan(made).slot?.index, 1);
  setState(made.bytes, 1, 'crashed');
  assert.deepEqual(plan(made).obstacles, [], 'also in place of a dead one of the same name');
  assert.equal(plan(made).replaces?.name, 'debian12');
});
