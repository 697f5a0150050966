import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Bank } from '../../bank/bank.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import { StagingArea } from '../../engine/image/staging-area.ts';
import type { FakeSys } from '../../sys/fake.ts';
import type { FakeImageSys } from '../../sys/image-sys.fake.ts';
import { openStorage } from '../../sys/linux/storage.ts';
import type { Back, EngineMachine, OsName, Switched, Trouble } from '../engine.contract.ts';
import { withBank } from '../open-bank.ts';
import { type ParkWish, parkOs, planParkOs } from '../parking/park-os.ts';
import { makeDisks } from '../parking/parking.fixture.ts';
import { resumeAtBoot } from '../parking/resume-at-boot.ts';
import {
  BANK_DISK,
  type Disks,
  EXTENTS,
  emptyBank,
  memoryIn,
  photograph,
  startOn,
  streamFor,
  withDisks,
} from './engine-image-os.fixture.ts';
import type { ImageSession } from './image-session.ts';
import { restorePending } from './restore-pending.ts';
import { restoreToImage } from './restore-to-image.ts';
import { finishStaged, type ImageOutcome, snapshotImage } from './snapshot-image.ts';

const DISKS = { debian12: '/dev/vda', debian13: '/dev/vdb' } as const;
/** How a system left the machine: what it did, on the disks of that time. */
interface Left {
  readonly os: OsName;
  readonly memory: number;
  readonly disks: Disks;
  readonly wish: ParkWish | { readonly tag: string };
}

/** Power that fails in the middle of something. */
class PowerFailure extends Error {}

/**
 * A machine of the image engine. A system that comes back does what it did when it left, on disks as they were
 * then; in the moment of its image the disks become what they are now.
 */
export class ImageMachine implements EngineMachine {
  #image = makeDisks();
  #sys!: FakeSys;
  running: OsName | null = null;
  readonly #memory: Record<OsName, number> = { debian12: 1, debian13: 2 };
  #counter = 10;
  /** Of the time stamp counter, which no OS's start sets back here. */
  #tsc = 0n;
  readonly #bank = emptyBank();
  /** As all were before their first snapshot. */
  readonly #before = emptyBank();
  readonly #moments = new Map<string, Left>();
  readonly #parked = new Map<string, Left>();

  private constructor() {
    this.#image.addDisk(BANK_DISK, new Uint8Array(200 * PAGE_BYTES));
  }

  static async make(): Promise<ImageMachine> {
    const machine = new ImageMachine();
    machine.#start('debian13');
    await machine.#park({ kind: 'restart' });
    machine.#start('debian12');
    return machine;
  }

  contentOf(os: OsName): string {
    return `${this.#memory[os]} ${createHash('md5').update(this.#disk(os).bytes).digest('hex')}`;
  }

  goOn(): void {
    const os = this.running!;
    this.#counter += 1;
    this.#remember(os, this.#counter);
    this.#disk(os).bytes.fill(this.#counter);
  }

  async references(): Promise<string[]> {
    return await withBank({ directory: this.#bank }, (bank) =>
      bank.snapshots().map(({ reference }) => reference),
    );
  }

  async snapshot(tag: string): Promise<void> {
    const os = this.running!;
    const left = { os, memory: this.#memory[os], disks: photograph(this.#image), wish: { tag } };
    const { outcome } = await this.#take(this.#session(), left);
    assert.equal(outcome, 'saved');
    this.#moments.set(`${os}@${tag}`, left);
  }

  async snapshotCutAt(tag: string, change: number): Promise<boolean> {
    const os = this.running!;
    const left = { os, memory: this.#memory[os], disks: photograph(this.#image), wish: { tag } };
    this.#moments.set(`${os}@${tag}`, left);
    if (!(await this.#cutAt(BANK_DISK, change, () => this.#take(this.#session(), left)))) return false;
    this.#start(os);
    await finishStaged(this.#session());
    return true;
  }

  async restore(reference: string): Promise<Back> {
    await this.#leave(() => restoreToImage(this.#session(), reference, { atBoot: false }));
    return await this.#comeBack(reference);
  }

  async restoreCutAt(reference: string, write: number): Promise<boolean> {
    const restore = (): Promise<unknown> => restoreToImage(this.#session(), reference, { atBoot: false });
    return await this.#cutAt(DISKS[this.running!], write, restore);
  }

  async completeRestore(reference: string): Promise<Back> {
    const { os } = this.#moments.get(reference)!;
    this.#start(os, { '/proc/self/mountinfo': '' });
    await this.#leave(() => restorePending(this.#sys, this.#image));
    return await this.#comeBack(reference);
  }

  cutPower(): void {
    this.#image = withDisks(
      new Map([...this.#image.disks].map(([path, disk]) => [path, disk.afterPowerCut('lost')])),
    );
    this.running = null;
  }

  async restoreAfterPowerCut(reference: string): Promise<Back> {
    await restoreToImage(this.#session(), reference, { atBoot: true });
    this.cutPower();
    return await this.completeRestore(reference);
  }

  async switchTo(os: string): Promise<Switched> {
    await this.#park({ kind: 'resume', os });
    return this.#resume(os as OsName);
  }

  async startParked(os: OsName): Promise<void> {
    this.#start(os, { '/proc/self/mountinfo': '' });
    await this.#leave(() => resumeAtBoot(this.#sys, this.#image));
    this.#resume(os);
  }

  writeToDiskOf(os: OsName): void {
    this.#disk(os).bytes[9] = 99;
  }

  damage(reference: string): void {
    const bank = Bank.open(openStorage(this.#bank));
    const { digest } = bank.find(reference).description.packs[0]!;
    bank.close();
    const path = join(this.#bank, 'blobs/sha256', digest.slice('sha256:'.length));
    const bytes = readFileSync(path);
    bytes[200]! ^= 1;
    writeFileSync(path, bytes);
  }

  make(trouble: Trouble): void {
    const { files } = this.#sys;
    if (trouble === 'freeze') this.#image.failing.set('freeze', 'EBUSY');
    else if (trouble === 'missing disk')
      for (const file of ['size', 'dev']) files.delete(`/sys/class/block/vda/${file}`);
    else if (trouble === 'unreadable disk') this.#disk('debian12').badFrom = 0;
    else files.set('/proc/cpuinfo', `${files.get('/proc/cpuinfo')}`.replaceAll('GenuineIntel', 'Other'));
  }

  hooks(): string[] {
    return this.#sys.programs.map(({ path }) => path.split('/').at(-2)!.replace('.d', ''));
  }

  rest(): string {
    const area = new StagingArea(this.#image, { device: BANK_DISK, extents: EXTENTS });
    const last = this.#image.calls.filter((call) => / \/$/.test(call)).at(-1) ?? 'none';
    const held = this.#sys.readTextFile('/sys/fs/cgroup/user.slice/cgroup.freeze')?.trim();
    return JSON.stringify({
      staged: area.readHeader()?.id ?? null,
      isFrozen: last.startsWith('freeze'),
      held,
    });
  }

  #disk(os: OsName) {
    return this.#image.disks.get(DISKS[os])!;
  }

  #start(os: OsName, files: Record<string, string> = {}): void {
    this.#sys = this.#startOn(this.#image, os, files);
    this.running = os;
    this.#remember(os, this.#memory[os]);
  }

  #startOn(image: FakeImageSys, os: OsName, files: Record<string, string> = {}): FakeSys {
    const sys = startOn(image, os, files);
    sys.readTsc = () => {
      this.#tsc += 1_000_000n;
      return this.#tsc;
    };
    return sys;
  }

  #remember(os: OsName, memory: number): void {
    this.#memory[os] = memory;
    this.#image.stream = streamFor(this.#sys, os, memory);
  }

  #session(sys = this.#sys, image = this.#image, directory = this.#bank): ImageSession {
    const disk = DISKS[this.running!];
    const mount = (mountPoint: string, path: string) => ({
      mountPoint,
      type: 'ext4',
      options: 'rw',
      isWritable: true,
      source: path,
      disk: { path, kernelName: path.slice('/dev/'.length) },
    });
    return {
      sys,
      image,
      bankPlace: { directory },
      own: {
        filesystems: [mount('/', disk)],
        disks: [{ name: `dev:${disk.slice('/dev/'.length)}`, path: disk }],
        bank: mount('/srv', BANK_DISK),
      },
      staging: { device: BANK_DISK, extents: EXTENTS },
    };
  }

  #take(session: ImageSession, { os, wish }: Left): Promise<ImageOutcome> {
    assert.ok('tag' in wish);
    return snapshotImage(session, { os, tag: wish.tag, note: '' });
  }

  /** Runs what leaves the machine; the disks are then as they were in that moment. Throws what refuses. */
  async #leave(action: () => unknown): Promise<void> {
    let now: Disks | null = null;
    this.#image.onLeave = () => {
      now ??= photograph(this.#image);
    };
    try {
      await action();
    } catch (error) {
      // What the old system does behind the jump does not happen.
      if (now === null) throw error;
    }
    if (now === null) throw new Error('the machine was not left');
    const { written } = this.#image;
    this.#image = withDisks(now);
    this.#image.written = written;
  }

  async #park(wish: ParkWish): Promise<void> {
    const os = this.running!;
    const left: Left = { os, memory: this.#memory[os], disks: photograph(this.#image), wish };
    const plan = planParkOs(this.#sys, this.#image, wish);
    await this.#leave(() => parkOs(this.#sys, this.#image, plan));
    this.#parked.set(os, left);
  }

  #resume(name: OsName): Switched {
    const left = this.#parked.get(name)!;
    const { sys, image } = this.#replay(left);
    assert.ok(!('tag' in left.wish));
    const { os, from } = parkOs(sys, image, planParkOs(sys, image, left.wish));
    this.#settle(left, sys, image);
    return { os, from: from ?? '' };
  }

  async #comeBack(reference: string): Promise<Back> {
    const left = this.#moments.get(reference)!;
    const { sys, image } = this.#replay(left);
    const came = await this.#take(this.#session(sys, image, this.#before), left);
    this.#settle(left, sys, image);
    assert.ok(came.outcome === 'restored');
    const seed = Buffer.from(sys.seeds[0]!).toString('hex');
    return { os: left.os, reference: came.reference, generation: came.generation, seed };
  }

  /** The system as it was when it left; with its image the disks become what they are now. */
  #replay({ os, disks, memory }: Left): { sys: FakeSys; image: FakeImageSys } {
    const now = this.#image;
    assert.equal(memoryIn(now.written), memory, 'the memory that was jumped into');
    const image = withDisks(disks);
    const sys = this.#startOn(image, os);
    image.comesBack = true;
    const open = image.openSnapshotDevice.bind(image);
    image.openSnapshotDevice = (mode) => {
      const device = open(mode);
      return {
        ...device,
        createImage() {
          if (image.comesBack)
            for (const [path, { bytes }] of now.disks) image.disks.get(path)!.bytes.set(bytes);
          return device.createImage();
        },
      };
    };
    this.running = os;
    return { sys, image };
  }

  #settle({ os, memory }: Left, sys: FakeSys, image: FakeImageSys): void {
    image.comesBack = false;
    [this.#sys, this.#image] = [sys, image];
    this.#remember(os, memory);
  }

  /** The power fails with the n-th change of a disk. False when there are fewer. */
  async #cutAt(path: string, change: number, action: () => Promise<unknown>): Promise<boolean> {
    const disk = this.#image.disks.get(path)!;
    let [left, isCut] = [change, false];
    disk.onChange = () => {
      left -= 1;
      if (left > 0 || isCut) return;
      isCut = true;
      this.cutPower();
      throw new PowerFailure();
    };
    const before = this.#image;
    await action().catch((error) => {
      if (!isCut) assert.equal(error.code, 'E_RESTORE_UNFINISHED', String(error));
    });
    before.disks.get(path)!.onChange = null;
    return isCut;
  }
}
