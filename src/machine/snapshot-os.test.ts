import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCodeName } from '../base/error-codes.ts';
import { asyncFailure, failure } from '../base/errors.fixture.ts';
import { park, setState } from '../switchboard/fake.ts';
import { addDisk, type BankMachine, bankMachine, DISK_BYTES, ENTRY, PLAN } from './bank-machine.fixture.ts';
import { describeSnapshotPlan, planSnapshot, type SnapshotWish, snapshotOs } from './snapshot-os.ts';

const WISH: SnapshotWish = { os: 'debian12', tag: 'monday', note: 'before the upgrade' };

const plan = ({ sys, switchboard, registry }: BankMachine, wish = WISH) =>
  planSnapshot(sys, switchboard, registry, wish);

test('an OS is saved with its memory, its low slice and its disk', async () => {
  const made = bankMachine();
  const planned = plan(made);
  const before = made.memory.slice();
  const result = await snapshotOs(made.switchboard, made.bank, planned);
  planned.close();
  assert.equal(result.reference, 'debian12@monday');
  const { description } = made.bank.find('debian12@monday');
  assert.equal(description.note, 'before the upgrade');
  assert.deepEqual(description.kernel, {
    release: '6.12.1',
    bootId: 'boot-of-debian12',
    commandLine: null,
    entry: ENTRY,
    stub: PLAN.slots[0]!.memory.start,
    vmcoreinfo: null,
    freePages: 'any',
  });
  assert.deepEqual(description.machine.cpu, {
    vendor: 'GenuineFake',
    model: 'Fake 1',
    flags: ['avx', 'fpu', 'rep_good', 'sse'],
    la57: false,
    processors: 2,
  });
  assert.deepEqual(description.disks, [{ name: 'd12', sizeBytes: DISK_BYTES, shared: false, fence: null }]);
  assert.deepEqual(
    description.regions.map(({ name, pages }) => [name, pages]),
    [
      ['memory', 256],
      ['low', 16],
      ['d12', 257],
    ],
  );
  assert.ok(Buffer.from(made.memory).equals(before), 'the parked OS is as it was');
  assert.deepEqual(made.switchboard.record(1).snapshot, { id: result.id, generation: 0 });
  assert.equal(made.switchboard.record(1).state, 'parked');
  assert.deepEqual([made.disk.open, made.disk.drops], [0, 1]);
  assert.match(result.doubts[0]!, /has not said where its VMCOREINFO is/);
});

test('a second snapshot is compared with the one before, a third with where the OS came from', async () => {
  const made = bankMachine();
  const save = async (tag: string) => {
    const planned = plan(made, { ...WISH, tag });
    const saved = await snapshotOs(made.switchboard, made.bank, planned);
    planned.close();
    return saved;
  };
  const first = await save('a');
  made.memory[5000] = 99;
  const second = await save('b');
  assert.equal(made.bank.find('debian12@b').parent, first.id);
  assert.equal(second.newBytes, 4096);
  made.switchboard.describe(1, { snapshot: { id: first.id, generation: 1 } });
  await save('c');
  assert.equal(made.bank.find('debian12@c').parent, first.id);
  // One that is gone from the bank is none.
  made.switchboard.describe(1, { snapshot: { id: 'ff'.repeat(16), generation: 1 } });
  await save('d');
});

test('without a tag a snapshot is called by the time', () => {
  const made = bankMachine();
  made.sys.wallClockMs = Date.UTC(2026, 1, 14, 9, 30, 5);
  const planned = plan(made, { ...WISH, tag: null });
  planned.close();
  assert.equal(planned.facts.tag, '20260214-093005');
});

test('the plan can be printed', () => {
  const made = bankMachine();
  const planned = plan(made);
  planned.close();
  const { regions, os, tag } = JSON.parse(JSON.stringify(describeSnapshotPlan(planned)));
  assert.deepEqual([os, tag, regions.length], ['debian12', 'monday', 3]);
  assert.deepEqual(regions[2], { kind: 'disk', name: 'd12', sizeBytes: DISK_BYTES });
});

test('a shared disk is not saved, its state is', () => {
  const made = bankMachine();
  const shared = addDisk(made, 'vdc', 'data', 8192);
  made.registry.add(
    {
      name: 'debian12',
      kernel: '/k',
      args: '',
      disks: [
        { id: 'd12', name: 'd12', shared: false },
        { id: 'data', name: 'data', shared: true },
      ],
    },
    true,
  );
  const fenceNow = (): string | null => {
    const planned = plan(made);
    planned.close();
    assert.equal(planned.sources.length, 3);
    return planned.facts.disks[1]!.fence ?? null;
  };
  const before = fenceNow();
  assert.match(before!, /^whole:[0-9a-f]{64}$/);
  assert.equal(fenceNow(), before);
  shared.bytes[5000] = 1;
  assert.notEqual(fenceNow(), before);
});

const refused: [string, ErrorCodeName, (made: BankMachine) => Partial<SnapshotWish>][] = [
  ['home', 'E_OS_STATE', () => ({ os: 'monitor' })],
  ['an OS that is not resident', 'E_OS_UNKNOWN', () => ({ os: 'nobody' })],
  [
    'a crashed OS',
    'E_OS_CRASHED',
    ({ bytes }) => {
      setState(bytes, 1, 'crashed');
      return {};
    },
  ],
  [
    'an OS that was never entered',
    'E_OS_STATE',
    ({ switchboard }) => {
      const { memory } = switchboard.record(1);
      switchboard.setLoaded(1, ENTRY, memory.start);
      return {};
    },
  ],
  [
    'an OS without an entry',
    'E_OS_UNKNOWN',
    (made) => {
      made.registry.remove('debian12');
      return {};
    },
  ],
  ['a tag that is none', 'E_USAGE', () => ({ tag: 'a/b' })],
  [
    'a disk that is not there',
    'E_DISK_MISSING',
    ({ sys }) => {
      sys.files.set('/sys/block/vdb/serial', 'other');
      return {};
    },
  ],
  [
    'a disk that home has mounted',
    'E_DISK_IN_USE',
    ({ sys }) => {
      sys.files.set('/proc/self/mountinfo', '30 21 254:98 / /mnt rw - ext4 /dev/vdb rw\n');
      return {};
    },
  ],
  [
    'a disk of another resident OS',
    'E_DISK_IN_USE',
    (made) => {
      park(made, 2, 'debian13');
      const disks = [{ id: '/dev/vdb', name: 'vdb', shared: false }];
      made.registry.add({ name: 'debian13', kernel: '/k', args: '', disks });
      return {};
    },
  ],
];
for (const [what, code, change] of refused) {
  test(`planSnapshot() of ${what} is ${code}, and nothing stays open`, () => {
    const made = bankMachine();
    const wish = { ...WISH, ...change(made) };
    assert.ok(failure(code, () => plan(made, wish)).hint);
    assert.equal(made.disk.open, 0);
  });
}

test('a name that the bank has already, and a disk that cannot be read, change nothing', async () => {
  const made = bankMachine();
  const first = plan(made);
  const { id } = await snapshotOs(made.switchboard, made.bank, first);
  first.close();
  const again = plan(made);
  await asyncFailure('E_SNAPSHOT_EXISTS', snapshotOs(made.switchboard, made.bank, again));
  again.close();
  made.disk.badFrom = 100_000;
  const bad = plan(made, { ...WISH, tag: 'bad' });
  const { facts } = await asyncFailure('E_SYSCALL', snapshotOs(made.switchboard, made.bank, bad));
  bad.close();
  assert.deepEqual([facts.path, facts.errno], ['/dev/vdb', 'EIO']);
  assert.deepEqual(
    made.bank.snapshots().map(({ tag }) => tag),
    ['monday'],
  );
  assert.deepEqual(made.switchboard.record(1).snapshot, { id, generation: 0 });
});
