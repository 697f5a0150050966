import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { Bank } from '../bank/bank.ts';
import { type PhysRange, rangeOf } from '../base/ranges.ts';
import { MIB, physAddr } from '../base/units.ts';
import type { MemoryPlan } from '../memory/memory-plan.ts';
import { FAKE_PLAN, type FakeMachine, fakeMachine, park } from '../switchboard/fake.ts';
import type { FakeDisk } from '../sys/block-device.fake.ts';
import { FakeStorage } from '../sys/storage.fake.ts';
import { Registry } from './registry.ts';

export const CPUINFO = ['0', '1']
  .map(
    (n) =>
      `processor\t: ${n}\nvendor_id\t: GenuineFake\nmodel name\t: Fake 1\nflags\t\t: fpu sse avx rep_good\n`,
  )
  .join('\n');
/** Slots of 1 MiB: all of each is saved. */
export const PLAN: MemoryPlan = {
  switchboard: FAKE_PLAN.switchboard,
  slots: FAKE_PLAN.slots.map((slot) => ({ ...slot, memory: rangeOf(slot.memory.start, MIB) })),
};
export const DISK_BYTES = MIB + 512;

/** A machine whose “debian12” is parked in slot 1, with a disk of its own and a bank in home. */
export interface BankMachine extends FakeMachine {
  readonly registry: Registry;
  readonly bank: Bank;
  readonly storage: FakeStorage;
  readonly disk: FakeDisk;
  readonly memory: Uint8Array;
  readonly low: Uint8Array;
}

const roots: string[] = [];
after(() => {
  for (const root of roots) rmSync(root, { recursive: true });
});

export function bankMachine(more: readonly PhysRange[] = []): BankMachine {
  const slot = PLAN.slots[0]!;
  const made = fakeMachine([slot.memory, slot.low, ...more], 0, PLAN);
  park(made, 1, 'debian12');
  const { sys, switchboard } = made;
  switchboard.describe(1, { kernelRelease: '6.12.1', bootId: 'boot-of-debian12' });
  sys.files.set('/proc/cpuinfo', CPUINFO);
  const root = mkdtempSync(join(tmpdir(), 'torpor-os-'));
  roots.push(root);
  const registry = new Registry(root);
  registry.add({
    name: 'debian12',
    kernel: '/k',
    args: '',
    disks: [{ id: 'd12', name: 'd12', shared: false }],
  });
  const disk = addDisk(made, 'vdb', 'd12', DISK_BYTES);
  const memory = sys.mapPhysical(slot.memory).bytes;
  const low = sys.mapPhysical(slot.low).bytes;
  fillSome(memory, 1);
  fillSome(low, 2);
  fillSome(disk.bytes, 3);
  const storage = new FakeStorage();
  return { ...made, registry, bank: Bank.create(storage), storage, disk, memory, low };
}

/** A disk that this kernel sees under `name`, with a serial number. */
export function addDisk({ sys }: FakeMachine, name: string, serial: string, sizeBytes: number): FakeDisk {
  sys.files.set(`/sys/block/${name}/serial`, serial);
  sys.files.set(`/sys/class/block/${name}/dev`, `254:${name.charCodeAt(2)}\n`);
  return sys.addDisk(`/dev/${name}`, new Uint8Array(sizeBytes));
}

/** Different content in one of 16 pages, so that most are zero. */
export function fillSome(bytes: Uint8Array, seed: number): void {
  for (let page = 0; page < bytes.length; page += 16 * 4096)
    for (let at = page; at < Math.min(page + 300, bytes.length); at += 1)
      bytes[at] = (at * seed + page / 4096) & 0xff;
  bytes[bytes.length - 1] = seed;
}

/** Where slot 1's parked OS is entered again (fake.ts). */
export const ENTRY = physAddr(PLAN.slots[0]!.memory.start + 0x1234);
