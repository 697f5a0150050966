import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { Bank } from '../bank/bank.ts';
import { TorporError } from '../base/errors.ts';
import { type PhysAddr, physAddr } from '../base/units.ts';
import { type FakeMachine, fakeMachine, modelTrampoline, park, setState } from '../switchboard/fake.ts';
import { CONTROL, OFFSET } from '../switchboard/layout.ts';
import type { FakeDisk } from '../sys/block-device.fake.ts';
import { FakeStorage } from '../sys/storage.fake.ts';
import { addDisk, CPUINFO, DISK_BYTES, fillSome, PLAN } from './bank-machine.fixture.ts';
import { carryOutRequest } from './carry-out.ts';
import type { Back, EngineMachine, OsName, Switched, Trouble } from './engine.contract.ts';
import { type HomeRequest, newRequestId } from './messages.ts';
import { Registry } from './registry.ts';
import { planSwitch } from './switch-os.ts';
import { type Arrived, switchTo } from './travel.ts';

const SLOTS = { debian12: 1, debian13: 2 } as const;
const DISKS = { debian12: 'vdb', debian13: 'vdc' } as const;
const NAMES = Object.keys(SLOTS) as OsName[];
const HOME = 0;
const HOME_ENTRY = physAddr(0x1234_5000);
const HOOKS = ['pre-park', 'post-resume', 'post-restore'] as const;

/** Power that fails in the middle of something. */
class PowerFailure extends Error {}

/**
 * A machine of the resident engine: home with a bank, and a guest in each of two slots. A guest that is entered
 * again goes on in the call that it had left with.
 */
export class ResidentMachine implements EngineMachine {
  #made: FakeMachine;
  #storage = new FakeStorage();
  readonly #registry: Registry;
  #disks: Record<OsName, FakeDisk>;
  running: OsName | null = 'debian12';
  /** The switchboard as each guest knew it when it left. */
  readonly #left = new Map<OsName, Uint8Array>();
  #hooks: readonly string[] = [];
  #counter = 10;

  constructor() {
    Bank.create(this.#storage).close();
    const root = mkdtempSync(join(tmpdir(), 'torpor-engine-'));
    after(() => rmSync(root, { recursive: true }));
    this.#registry = new Registry(root);
    for (const name of NAMES) {
      const id = `disk-of-${name}`;
      this.#registry.add({ name, kernel: '/k', args: '', disks: [{ id, name: id, shared: false }] });
    }
    const { made, disks } = startMachine();
    [this.#made, this.#disks] = [made, disks];
    for (const [index, name] of NAMES.entries()) {
      this.#fill(name, index + 1);
      park(made, SLOTS[name], name);
    }
    // As somebody has come to each of them once.
    for (const name of NAMES.toReversed()) {
      this.#setCurrent(SLOTS[name]);
      this.#left.set(name, made.bytes.slice());
    }
  }

  contentOf(os: OsName): string {
    const hash = createHash('md5');
    for (const bytes of [this.#memory(os), this.#disks[os].bytes]) hash.update(bytes);
    return hash.digest('hex');
  }

  goOn(): void {
    this.#counter += 1;
    this.#fill(this.running!, this.#counter);
  }

  async references(): Promise<string[]> {
    return this.#withBank((bank) => bank.snapshots().map(({ reference }) => reference));
  }

  async snapshot(tag: string): Promise<void> {
    await this.#askHome({ kind: 'snapshot', os: this.running!, tag, note: '' });
  }

  async snapshotCutAt(tag: string, change: number): Promise<boolean> {
    const storage = this.#storage;
    return await this.#cutAt(change, (strike) => {
      storage.onChange = strike;
      return this.snapshot(tag).finally(() => {
        storage.onChange = null;
      });
    });
  }

  async restore(reference: string): Promise<Back> {
    const request = { kind: 'restore', reference, slot: null, check: false, go: true } as const;
    return this.#backFrom(await this.#askHome(request));
  }

  async restoreCutAt(reference: string, write: number): Promise<boolean> {
    const disk = this.#disks[this.running!];
    return await this.#cutAt(write, (strike) => {
      disk.onChange = (what) => {
        if (what === 'write') strike();
      };
      return this.restore(reference).finally(() => {
        disk.onChange = null;
      });
    });
  }

  /** Cuts the power at the call `count` of `strike`. Returns whether the action came so far. */
  async #cutAt(count: number, action: (strike: () => void) => Promise<unknown>): Promise<boolean> {
    let left = count;
    let isCut = false;
    const strike = (): void => {
      left -= 1;
      if (left > 0 || isCut) return;
      isCut = true;
      this.cutPower();
      throw new PowerFailure();
    };
    await action(strike).catch((error) => {
      if (!isCut) throw error;
    });
    return isCut;
  }

  /** In home, which knows of it. */
  async completeRestore(reference: string): Promise<Back> {
    assert.equal(
      this.#withBank((bank) => bank.unfinishedRestore()?.reference),
      reference,
    );
    return await this.#restoreFromHome(reference);
  }

  cutPower(): void {
    this.#storage = this.#storage.afterPowerCut('lost');
    const contents = NAMES.map((os) => this.#disks[os].afterPowerCut('lost'));
    const { made, disks } = startMachine();
    for (const [index, os] of NAMES.entries()) disks[os].bytes.set(contents[index]!);
    [this.#made, this.#disks] = [made, disks];
    this.running = null;
  }

  async restoreAfterPowerCut(reference: string): Promise<Back> {
    this.cutPower();
    return await this.#restoreFromHome(reference);
  }

  async switchTo(name: string): Promise<Switched> {
    const { index } = planSwitch(this.#made.switchboard, name);
    await this.#leave(index);
    const { report } = await this.#comeBack(name as OsName);
    return { os: report.to, from: report.from };
  }

  async startParked(): Promise<never> {
    throw new Error('nothing is parked after a power cut');
  }

  writeToDiskOf(os: OsName): void {
    this.#disks[os].bytes[9]! ^= 1;
  }

  damage(reference: string): void {
    const { digest } = this.#withBank((bank) => bank.find(reference)).description.packs[0]!;
    const path = digest.replace('sha256:', 'blobs/sha256/');
    const bytes = this.#storage.read(path)!.slice();
    bytes[200]! ^= 1;
    const file = this.#storage.create(path);
    file.append(bytes);
    file.sync();
    file.close();
  }

  make(trouble: Trouble): void {
    const { sys } = this.#made;
    if (trouble === 'freeze') {
      sys.onReboot = () => {
        throw new TorporError('E_SYSCALL', 'reboot failed: EBUSY', { facts: { errno: 'EBUSY' } });
      };
    } else if (trouble === 'missing disk') sys.files.set('/sys/block/vdb/serial', 'other');
    else if (trouble === 'unreadable disk') this.#disks.debian12.badFrom = 0;
    else sys.files.set('/proc/cpuinfo', CPUINFO.replaceAll('GenuineFake', 'Other'));
  }

  hooks(): readonly string[] {
    return this.#hooks;
  }

  rest(): string {
    const { sys, switchboard } = this.#made;
    const unfinished = this.#withBank((bank) => bank.unfinishedRestore());
    const states = switchboard.records().map(({ state, name }) => `${name} ${state}`);
    const open = NAMES.map((os) => this.#disks[os].open);
    return JSON.stringify({ unfinished, states, held: sys.held, open });
  }

  /** Has home carry something out for the guest that runs, or that it has just left. Throws home's answer. */
  async #askHome(wish: object): Promise<Arrived> {
    const from = SLOTS[this.running!];
    const request = { ...wish, request: newRequestId(), from, dryRun: false } as HomeRequest;
    await this.#leave(HOME);
    const { sys, switchboard } = this.#made;
    const next = await carryOutRequest(sys, switchboard, request, undefined, this.#services());
    assert.ok(next !== null);
    const arrived = await this.#enterFromHome(next);
    const error = arrived.answers.find((answer) => answer.request === request.request)?.error ?? null;
    if (error === null) return arrived;
    const { code, message, facts, hint } = error;
    throw new TorporError(code, message, { facts, ...(hint === null ? {} : { hint }) });
  }

  async #restoreFromHome(reference: string): Promise<Back> {
    const { sys, switchboard } = this.#made;
    const request = { kind: 'restore', request: newRequestId(), from: HOME, reference } as const;
    const rest = { slot: null, check: false, go: true, dryRun: false };
    const next = await carryOutRequest(
      sys,
      switchboard,
      { ...request, ...rest },
      undefined,
      this.#services(),
    );
    const arrived = await this.#enterFromHome(next!);
    return this.#backFrom(arrived);
  }

  async #enterFromHome(slot: number): Promise<Arrived> {
    const { name } = this.#made.switchboard.record(slot);
    await this.#jump(HOME, slot, HOME_ENTRY);
    return await this.#comeBack(name as OsName);
  }

  async #leave(target: number): Promise<void> {
    const os = this.running!;
    this.#left.set(os, this.#made.bytes.slice());
    const slot = SLOTS[os];
    await this.#jump(slot, target, physAddr(PLAN.slots[slot - 1]!.memory.start + 0x1234));
  }

  #backFrom({ restored }: Arrived): Back {
    assert.ok(restored !== null);
    const { reference, generation } = restored;
    const seed = Buffer.from(this.#made.sys.seeds.at(-1)!).toString('hex');
    return { os: this.running!, reference, generation, seed };
  }

  /** One way out. Throws what refuses; what the left OS does behind the jump does not happen. */
  async #jump(slot: number, target: number, reentry: PhysAddr): Promise<void> {
    const { sys, switchboard, bytes } = this.#made;
    const refuse = sys.onReboot;
    let now: Uint8Array | null = null;
    sys.onReboot = () => {
      refuse();
      modelTrampoline(bytes, { slot, mode: 'park', reentry }, { enter: 2000n, exit: 2100n });
      now = bytes.slice();
      throw new Error('left');
    };
    try {
      await switchTo(sys, switchboard, target);
    } catch (error) {
      if (now === null) throw error;
    } finally {
      sys.onReboot = refuse;
    }
    assert.ok(now !== null);
    bytes.set(now);
  }

  /** An OS that was entered: the call that it had left with returns. */
  async #comeBack(os: OsName): Promise<Arrived> {
    const { sys, switchboard, bytes } = this.#made;
    const now = bytes.slice();
    bytes.set(this.#left.get(os)!);
    switchboard.reload();
    sys.onReboot = () => bytes.set(now);
    sys.programs.splice(0);
    const other = SLOTS[os] === 1 ? 2 : 1;
    const arrived = await switchTo(sys, switchboard, other);
    sys.onReboot = () => {};
    this.#hooks = sys.programs.map(({ path }) => path.split('/').at(-2)!.replace('.d', ''));
    this.running = os;
    return arrived;
  }

  #services() {
    return {
      registry: this.#registry,
      withBank: <T>(action: (bank: Bank) => Promise<T>): Promise<T> => this.#withBank(action),
    };
  }

  #withBank<T>(action: (bank: Bank) => T): T {
    const bank = Bank.open(this.#storage, { write: true });
    const result = action(bank);
    if (result instanceof Promise) return result.finally(() => bank.close()) as T;
    bank.close();
    return result;
  }

  #memory(os: OsName): Uint8Array {
    return this.#made.sys.mapPhysical(PLAN.slots[SLOTS[os] - 1]!.memory).bytes;
  }

  #fill(os: OsName, seed: number): void {
    fillSome(this.#memory(os), seed);
    fillSome(this.#disks[os].bytes, seed + 100);
  }

  #setCurrent(slot: number): void {
    const { bytes } = this.#made;
    setState(bytes, HOME, 'parked', HOME_ENTRY);
    for (const name of NAMES) park(this.#made, SLOTS[name], name);
    setState(bytes, slot, 'running');
    CONTROL.encodeInto(bytes, { current: BigInt(slot), target: BigInt(slot) }, OFFSET.control);
  }
}

/** Home runs, the slots are empty, all memory is zero. */
function startMachine(): { made: FakeMachine; disks: Record<OsName, FakeDisk> } {
  const slots = PLAN.slots.slice(0, NAMES.length);
  const made = fakeMachine(
    slots.flatMap(({ memory, low }) => [memory, low]),
    0,
    PLAN,
  );
  const { files } = made.sys;
  files.set('/proc/cpuinfo', CPUINFO);
  for (const kind of HOOKS) files.set(`/etc/torpor/${kind}.d/hook`, '');
  const disk = (os: OsName): FakeDisk => addDisk(made, DISKS[os], `disk-of-${os}`, DISK_BYTES);
  return { made, disks: { debian12: disk('debian12'), debian13: disk('debian13') } };
}
