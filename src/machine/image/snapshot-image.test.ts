import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asyncFailure } from '../../base/errors.fixture.ts';
import { StagingArea } from '../../engine/image/staging-area.ts';
import { withBank } from '../open-bank.ts';
import { type FakeStock, makeFakeStock } from './image-session.fixture.ts';
import { finishStaged, snapshotImage } from './snapshot-image.ts';

const WISH = { os: 'debian', tag: 'one', note: '' };

const references = ({ session }: FakeStock): Promise<string[]> =>
  withBank(session.bankPlace, (bank) => bank.snapshots().map(({ reference }) => reference));

test('a snapshot goes into the bank, whose filesystem is not mounted while the system stands still', async () => {
  const stock = makeFakeStock();
  const outcome = await snapshotImage(stock.session, WISH);
  assert.equal(outcome.outcome, 'saved');
  assert.deepEqual(await references(stock), ['debian@one']);
  const { calls } = stock.image;
  const order = ['unmount /srv', 'freeze', 'createImage', 'thaw', 'mount /srv'];
  const last = order.map((call) => calls.lastIndexOf(call));
  assert.ok(!last.includes(-1));
  assert.deepEqual(
    last,
    last.toSorted((a, b) => a - b),
  );
  assert.equal(new StagingArea(stock.image, stock.session.staging).readHeader(), null);
});

test('a name that is taken is said before anything is frozen', async () => {
  const stock = makeFakeStock();
  await snapshotImage(stock.session, WISH);
  stock.image.calls.splice(0);
  await asyncFailure('E_SNAPSHOT_EXISTS', snapshotImage(stock.session, WISH));
  assert.deepEqual(stock.image.calls, []);
});

test('a refusal of the kernel is explained; the bank is mounted again and has nothing', async () => {
  const stock = makeFakeStock();
  stock.image.failing.set('createImage', 'ENOMEM');
  await asyncFailure('E_IMAGE_MEMORY', snapshotImage(stock.session, WISH));
  assert.equal(stock.image.calls.at(-1), 'mount /srv');
  assert.deepEqual(await references(stock), []);
});

test('a bank that somebody uses is said before disks are copied, or when they are; nothing is frozen', async () => {
  for (const [times, froze] of [
    [1, []],
    [2, ['freeze /']],
  ] as const) {
    const stock = makeFakeStock();
    const { image } = stock;
    let unmounts = 0;
    image.onCall = (call) => {
      if (call === 'unmount /srv' && ++unmounts === times) image.failing.set(call, 'EBUSY');
    };
    await asyncFailure('E_BANK_BUSY', snapshotImage(stock.session, WISH));
    assert.deepEqual(
      image.calls.filter((call) => call.startsWith('freeze')),
      froze,
    );
    assert.deepEqual(await references(stock), []);
  }
});

test('what a power cut left staged is in the bank before the next snapshot', async () => {
  const stock = makeFakeStock();
  const { image, session } = stock;
  // The cut comes right after the area is whole.
  const { onAlone } = image;
  image.onAlone = (action) => {
    action();
    throw new Error('cut');
  };
  await assert.rejects(snapshotImage(session, WISH), /cut/);
  assert.deepEqual(await references(stock), []);
  image.onAlone = onAlone;
  await snapshotImage(session, { ...WISH, tag: 'two' });
  assert.deepEqual((await references(stock)).toSorted(), ['debian@one', 'debian@two']);
  assert.equal(await finishStaged(session), null);
});

for (const state of ['pending', 'begun'] as const) {
  test(`a restore that is ${state} is not forgotten without a word`, async () => {
    const stock = makeFakeStock();
    const { image, session } = stock;
    const { onAlone } = image;
    image.onAlone = (action) => {
      action();
      throw new Error('cut');
    };
    await assert.rejects(snapshotImage(session, WISH), /cut/);
    image.onAlone = onAlone;
    const area = new StagingArea(image, session.staging);
    area.writeHeader({ ...area.readHeader()!, state });
    const next = snapshotImage(session, { ...WISH, tag: 'two' });
    if (state === 'begun') {
      await asyncFailure('E_RESTORE_UNFINISHED', next);
      assert.equal(area.readHeader()?.state, 'begun');
      return;
    }
    const outcome = await next;
    assert.equal(outcome.outcome, 'saved');
    assert.match(outcome.warnings.join(), /the restore of debian@one, which waited .* is given up/);
  });
}

test('the system that comes back takes its random bytes, empties the area and runs its hooks', async () => {
  const stock = makeFakeStock();
  const { sys, image, session } = stock;
  sys.files.set('/etc/torpor/post-restore.d/hook', '');
  image.onAlone = (action) => {
    // Another system has put the snapshot in place meanwhile.
    const result = action();
    const area = new StagingArea(image, session.staging);
    area.writeHeader({
      ...area.readHeader()!,
      state: 'begun',
      generation: 3,
      seed: new Uint8Array(64).fill(5),
    });
    sys.wallClockMs += 90_000;
    return { ...result, outcome: 'restored' };
  };
  const outcome = await snapshotImage(session, WISH);
  assert.deepEqual(outcome, {
    outcome: 'restored',
    reference: 'debian@one',
    generation: 3,
    awayMs: 90_000,
    warnings: [],
  });
  assert.deepEqual(sys.seeds, [new Uint8Array(64).fill(5)]);
  assert.equal(new StagingArea(image, session.staging).readHeader(), null);
  const [{ environment } = { environment: {} }] = sys.programs;
  assert.deepEqual(environment, {
    TORPOR_OS: 'debian',
    TORPOR_FROM: 'debian',
    TORPOR_AWAY_SECONDS: '90',
    TORPOR_SNAPSHOT: 'debian@one',
    TORPOR_GENERATION: '3',
  });
});
