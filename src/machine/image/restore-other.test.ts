import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Bank } from '../../bank/bank.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import { KERNEL, memoryOf, streamOf } from '../../engine/image/image.fixture.ts';
import { readE820Checksum } from '../../engine/image/loader.ts';
import { StagingArea } from '../../engine/image/staging-area.ts';
import { takeImage } from '../../engine/image/take-image.ts';
import { FakeSys } from '../../sys/fake.ts';
import { FakeImageSys } from '../../sys/image-sys.fake.ts';
import { openStorage } from '../../sys/linux/storage.ts';
import { drainStaging } from './drain.ts';
import { readImageFacts } from './image-facts.ts';
import { arrivalPlaces, type ImageSession, ownsDisks, withSharedStaging } from './image-session.ts';
import { readOwnSystem } from './own-system.ts';
import { previewRestore } from './plan-restore.ts';
import { BANK } from './take-image.fixture.ts';

const EXTENTS = [{ start: 0, sizeBytes: 200 * PAGE_BYTES }];

/** The OS on vda, with a bank's disk vdb, and another OS's disk vdc. */
function machine(bank: string) {
  const sys = new FakeSys({
    release: '6.12.0',
    files: {
      '/dev/snapshot': '',
      '/proc/swaps': 'Filename Type Size Used Priority\n',
      '/proc/self/mountinfo': `22 1 254:0 / / rw - xfs /dev/vda rw\n23 22 254:16 / ${bank} rw - ext4 /dev/vdb rw\n`,
      '/proc/cpuinfo': 'processor : 0\nvendor_id : x\nflags : fpu\n',
      '/proc/zoneinfo': `        present  ${KERNEL.physPages}\n`,
      '/proc/meminfo': 'MemTotal: 500000 kB\nMemAvailable:     400000 kB\n',
      '/sys/firmware/memmap/0/start': '0x0',
      '/sys/firmware/memmap/0/end': '0x1fffffff',
      '/sys/firmware/memmap/0/type': 'System RAM',
      ...Object.fromEntries(
        ['vda', 'vdb', 'vdc'].flatMap((name) => [
          [`/dev/${name}`, ''],
          [`/sys/class/block/${name}/size`, '1\n'],
        ]),
      ),
    },
    links: { '/sys/dev/block/254:0': '../../x/vda', '/sys/dev/block/254:16': '../../x/vdb' },
  });
  const image = new FakeImageSys();
  for (const name of ['vda', 'vdc']) image.addDisk(`/dev/${name}`, new Uint8Array(4 * PAGE_BYTES).fill(5));
  for (const name of ['vdb', 'vdd']) image.addDisk(`/dev/${name}`, new Uint8Array(200 * PAGE_BYTES));
  const kernel = { ...KERNEL, e820Checksum: readE820Checksum(sys)! };
  image.stream = streamOf(
    memoryOf([
      [3, 1],
      [4, 0],
    ]),
    'zero-flag',
    kernel,
  );
  return { sys, image };
}

async function withSnapshots(
  action: (bank: string, at: ReturnType<typeof machine>) => Promise<void>,
): Promise<void> {
  const bank = mkdtempSync(join(tmpdir(), 'torpor-other-'));
  try {
    const at = machine(bank);
    const store = Bank.create(openStorage(bank));
    const area = new StagingArea(at.image, { device: '/dev/vdd', extents: EXTENTS });
    for (const [os, disk] of [
      ['this', 'vda'],
      ['other', 'vdc'],
    ]) {
      const facts = readImageFacts(at.sys, { os: os!, tag: 'one', note: '' });
      takeImage(at.image, {
        staging: area.place,
        id: '0'.repeat(32),
        createdMs: 1,
        reference: `${os}@one`,
        bank: BANK,
        filesystems: [],
        disks: [{ name: `dev:${disk}`, path: `/dev/${disk}` }],
        facts: JSON.stringify(facts),
      });
      await drainStaging(store, area, area.readHeader()!, null);
    }
    store.close();
    await action(bank, at);
  } finally {
    rmSync(bank, { recursive: true });
  }
}

test('a plan says what would be replaced, by which stages, and touches nothing', async () => {
  await withSnapshots(async (bank, { sys, image }) => {
    const calls = image.calls.length;
    const other = await previewRestore(sys, { directory: bank }, { reference: 'other@one', atBoot: false });
    assert.deepEqual([other.isOtherOs, other.obstacles, other.memoryBytes], [true, [], 2 * PAGE_BYTES]);
    assert.deepEqual(other.disks, [{ name: 'dev:vdc', path: '/dev/vdc', sizeBytes: 4 * PAGE_BYTES }]);
    assert.deepEqual(other.stages.slice(-3), ['freeze /', 'write disk dev:vdc', 'go on in other']);
    const own = await previewRestore(sys, { directory: bank }, { reference: 'this@one', atBoot: true });
    assert.deepEqual([own.isOtherOs, own.stages.length], [false, 4]);
    sys.files.set('/proc/meminfo', 'MemAvailable: 5 kB\n');
    sys.files.delete('/sys/class/block/vdc/size');
    const refused = await previewRestore(sys, { directory: bank }, { reference: 'other@one', atBoot: false });
    assert.deepEqual(
      refused.obstacles.map(({ code }) => code),
      ['E_DISK_MISSING', 'E_IMAGE_MEMORY'],
    );
    assert.equal(image.calls.length, calls);
  });
});

test('another OS is staged beside the bank, where it looks when it has come back', () => {
  const { sys, image } = machine('/bank');
  const own = readOwnSystem(sys, '/bank');
  const staging = { device: '/dev/vdd', extents: EXTENTS };
  const session: ImageSession = { sys, image, own, staging, bankPlace: { directory: '/bank' } };
  assert.equal(ownsDisks(session, [{ name: 'a', path: '/dev/vda' }]), true);
  assert.equal(ownsDisks(session, [{ name: 'b', path: '/dev/vdc' }]), false);
  assert.deepEqual(arrivalPlaces(session), [staging]);
  const file = [{ start: 8192, sizeBytes: 100 * PAGE_BYTES }];
  image.files.set('/bank/torpor-staging', file);
  assert.deepEqual(withSharedStaging(session, 4096).staging, { device: '/dev/vdb', extents: file });
  assert.deepEqual(arrivalPlaces(session), [staging, { device: '/dev/vdb', extents: file }]);
  const beside = { ...session, staging: { device: '/dev/vdb', extents: EXTENTS } };
  assert.equal(withSharedStaging(beside, 4096), beside);
});
