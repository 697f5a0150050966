import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { StagingArea } from '../../engine/image/staging-area.ts';
import { type FakeStock, makeFakeStock } from './image-session.fixture.ts';
import { describePreview, previewSnapshot } from './plan-snapshot.ts';
import { snapshotImage } from './snapshot-image.ts';

const WISH = { os: 'debian', tag: 'one', note: '' };

/** The stock system with what it has mounted, and the area that it remembers. */
function makeMounted(): FakeStock {
  const stock = makeFakeStock();
  const { sys, session } = stock;
  const bank = dirname(session.bankPlace.directory!);
  sys.files.set('/dev/snapshot', '');
  sys.files.set('/proc/swaps', 'Filename Type Size Used Priority\n');
  sys.files.set(
    '/proc/self/mountinfo',
    `22 1 254:0 / / rw - ext4 /dev/vda rw\n23 22 254:16 / ${bank} rw - ext4 /dev/vdb rw\n`,
  );
  sys.files.set('/proc/meminfo', 'MemTotal: 500000 kB\nMemAvailable:     400000 kB\n');
  for (const name of ['vda', 'vdb', 'vdc']) {
    sys.files.set(`/dev/${name}`, '');
    sys.files.set(`/sys/class/block/${name}/size`, '1\n');
  }
  const { extents } = session.staging;
  sys.files.set('/etc/torpor/staging.json', JSON.stringify({ version: 1, disk: 'dev:vdc', extents }));
  return stock;
}

const preview = ({ sys, image, session }: FakeStock, options = {}) =>
  previewSnapshot(sys, image, { ...session.bankPlace, ...options }, WISH);

test('a snapshot is told beforehand, and nothing is touched', async () => {
  const stock = makeMounted();
  const before = new Map(stock.sys.files);
  const found = await preview(stock);
  assert.deepEqual([found.reference, found.obstacles, found.warnings], ['debian@one', [], []]);
  assert.equal(found.memoryBytes, 100_000 * 1024);
  assert.equal(found.staging.device, '/dev/vdc');
  assert.ok(found.staging.neededBytes > 250_000 * 1024);
  assert.ok(
    found.stages.includes('freeze /') &&
      found.stages.includes('write there what has changed on disk dev:vda'),
  );
  assert.match(describePreview(found).join('\n'), /would save this system .* as debian@one/);
  assert.deepEqual(stock.image.calls, []);
  assert.deepEqual(new Map(stock.sys.files), before);
});

test('what stands against it is an obstacle', async () => {
  const stock = makeMounted();
  await snapshotImage(stock.session, WISH);
  const area = new StagingArea(stock.image, stock.session.staging);
  const header = { id: '0'.repeat(32), createdMs: 1, reference: 'debian@two', generation: 0, sections: [] };
  area.writeHeader({ ...header, state: 'begun', seed: new Uint8Array(64) });
  const codes = (await preview(stock, { staging: '/dev/none' })).obstacles.map(({ code }) => code);
  assert.deepEqual(codes, ['E_RESTORE_UNFINISHED', 'E_SNAPSHOT_EXISTS']);
  area.writeHeader({ ...header, state: 'pending', seed: new Uint8Array(64) });
  assert.match((await preview(stock)).warnings.join(), /debian@two, which waited/);
  area.discard();
  const missing = await preview(stock, { staging: '/dev/none' });
  assert.deepEqual(
    missing.obstacles.map(({ code }) => code),
    ['E_DISK_MISSING', 'E_SNAPSHOT_EXISTS'],
  );
});
