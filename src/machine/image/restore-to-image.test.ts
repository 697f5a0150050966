import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asyncFailure } from '../../base/errors.fixture.ts';
import { StagingArea } from '../../engine/image/staging-area.ts';
import { type FakeStock, makeFakeStock } from './image-session.fixture.ts';
import { restoreToImage } from './restore-to-image.ts';
import { snapshotImage } from './snapshot-image.ts';

const NOW = { atBoot: false };

/** A machine whose bank has `debian@one`, and whose disk is another's since. */
async function machine(): Promise<FakeStock> {
  const stock = makeFakeStock();
  await snapshotImage(stock.session, { os: 'debian', tag: 'one', note: '' });
  stock.disk.bytes.fill(9);
  stock.image.calls.splice(0);
  return stock;
}

const staged = ({ image, session }: FakeStock) => new StagingArea(image, session.staging).readHeader();

test('a restore stages the snapshot, unmounts the bank, frees memory, and jumps with the disks written', async () => {
  const stock = await machine();
  const { image, disk } = stock;
  // The jump does not return, and the fake's is an error after the disks are written.
  await asyncFailure('E_RESTORE_UNFINISHED', restoreToImage(stock.session, 'debian@one', NOW));
  const order = ['unmount /srv', 'dropCaches', 'open', 'freeze', 'freeze /', 'atomicRestore'];
  assert.deepEqual(
    image.calls.filter((call) => order.includes(call)),
    order,
  );
  assert.ok(image.written.length > 0);
  assert.deepEqual([disk.bytes[0], disk.bytes.at(-1)], [0, 7]);
  assert.equal(staged(stock)?.state, 'begun');
  assert.deepEqual(
    image.log.map((line) => line.replace(/loading .*/, 'loading')).slice(0, 4),
    ['loading', 'freezing this system', 'writing dev:vda', 'jumping'].map(
      (what) => `restore of debian@one: ${what}`,
    ),
  );
});

test('with --at-boot it is staged for any kernel and waits', async () => {
  const stock = await machine();
  stock.sys.files.set('/proc/zoneinfo', 'present 1\n');
  const pending = await restoreToImage(stock.session, 'debian', { atBoot: true });
  assert.deepEqual(pending, { reference: 'debian@one', generation: 1 });
  assert.equal(staged(stock)?.state, 'pending');
  assert.deepEqual(stock.image.calls, []);
});

for (const [what, code, change] of [
  ['has other memory', 'E_OTHER_MACHINE', (s: FakeStock) => s.sys.files.set('/proc/zoneinfo', 'present 1\n')],
  ['has too little memory', 'E_IMAGE_MEMORY', (s: FakeStock) => s.sys.files.set('/proc/meminfo', '')],
  ['has lost the disk', 'E_DISK_MISSING', (s: FakeStock) => s.sys.files.delete('/sys/class/block/vda/size')],
] as const) {
  test(`a machine that ${what} is refused before anything is frozen: ${code}`, async () => {
    const stock = await machine();
    change(stock);
    await asyncFailure(code, restoreToImage(stock.session, 'debian@one', NOW));
    assert.deepEqual(stock.image.calls, []);
    assert.equal(staged(stock), null);
  });
}

for (const [what, code, change] of [
  ['refuses the image', 'E_OTHER_MACHINE', (s: FakeStock) => s.image.failing.set('write', 'EPERM')],
  ['has no room for the image', 'E_IMAGE_MEMORY', (s: FakeStock) => s.image.failing.set('write', 'ENOMEM')],
  ['has no room to jump', 'E_IMAGE_MEMORY', (s: FakeStock) => s.image.free.splice(0, 1, 4096)],
  ['cannot be frozen', 'E_FREEZE_REFUSED', (s: FakeStock) => s.image.failing.set('freeze', 'EBUSY')],
] as const) {
  test(`a kernel that ${what} goes on with its disks as they are: ${code}`, async () => {
    const stock = await machine();
    change(stock);
    await asyncFailure(code, restoreToImage(stock.session, 'debian@one', NOW));
    assert.ok(stock.disk.bytes.every((byte) => byte === 9));
    assert.equal(staged(stock), null);
    assert.equal(stock.image.calls.at(-1), 'mount /srv');
  });
}
