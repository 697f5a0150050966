import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeRegion, facts, MEMORY_START, memoryRegion } from '../bank/bank.fixture.ts';
import { Bank } from '../bank/bank.ts';
import type { Region, RegionSource } from '../bank/region.ts';
import type { Snapshot } from '../bank/snapshot.ts';
import { failure } from '../base/errors.fixture.ts';
import { PAGE_BYTES, physAddr } from '../base/units.ts';
import type { FakeKernel } from '../kernel/fake-kernel.fixture.ts';
import { fakeKernelWithData, writeTasks } from '../kernel/kernel-data.fixture.ts';
import { FAKE_PLAN, fakeMachine, park, setState } from '../switchboard/fake.ts';
import { FakeStorage } from '../sys/storage.fake.ts';
import { type InspectOptions, inspectOs, inspectSnapshot } from './inspect.ts';

const SLOT = FAKE_PLAN.slots[0]!.memory;
const ALL: InspectOptions = { processes: true, connections: true, logLines: 5, zeros: true };
const PROCESS = { pid: 1, name: 'init', state: 1, pages: [1, 2, 0, 3] };

function kernelWithProcess(base: number): FakeKernel {
  const kernel = fakeKernelWithData('per-processor', base);
  writeTasks(kernel, [PROCESS]);
  return kernel;
}

function parkedMachine() {
  const machine = fakeMachine([SLOT]);
  park(machine, 1, 'tiny');
  const kernel = kernelWithProcess(SLOT.start);
  const vmcoreinfo = kernel.placeNote();
  machine.switchboard.describe(1, { vmcoreinfo });
  const { bytes } = machine.sys.mapPhysical(SLOT);
  bytes.set(kernel.memory);
  return { ...machine, kernel, inspect: () => inspectOs(machine.sys, machine.switchboard.record(1), ALL) };
}

describe('inspectOs', () => {
  it('looks into a parked OS', () => {
    const { inspect } = parkedMachine();
    const { name, state, sinceMs, kernel, processes, memory, unknown } = inspect();
    assert.deepEqual({ name, state, sinceMs }, { name: 'tiny', state: 'parked', sinceMs: 2 });
    assert.equal(kernel!.release, '6.12.1');
    assert.deepEqual(
      processes!.map((process) => [process.name, process.residentBytes]),
      [['init', 6 * PAGE_BYTES]],
    );
    // This kernel has no memory map, so everything counts as used.
    assert.equal(memory!.freeBytes, 0);
    assert.equal(memory!.usedBytes + memory!.zeroBytes!, memory!.totalBytes);
    assert.ok(memory!.zeroBytes! > memory!.totalBytes - 512 * 1024);
    assert.match(unknown.join('\n'), /count as used: VMCOREINFO has no/);
    assert.match(unknown.join('\n'), /^log: VMCOREINFO has no/m);
  });

  it('leaves out what nobody asked for', () => {
    const { sys, switchboard } = parkedMachine();
    const sections = { processes: false, connections: false, logLines: 0, zeros: false };
    const { processes, connections, log, memory } = inspectOs(sys, switchboard.record(1), sections);
    assert.deepEqual([processes, connections, log, memory!.zeroBytes], [null, null, null, null]);
  });

  it('refuses an OS that runs or never did', () => {
    const { sys, switchboard, bytes } = parkedMachine();
    failure('E_OS_RUNNING', () => inspectOs(sys, switchboard.record(0), ALL));
    setState(bytes, 1, 'empty');
    failure('E_OS_STATE', () => inspectOs(sys, switchboard.record(1), ALL));
  });

  it('says that an OS never told where its VMCOREINFO is', () => {
    const { switchboard, inspect } = parkedMachine();
    switchboard.describe(1, { vmcoreinfo: null });
    const { kernel, memory, unknown } = inspect();
    assert.deepEqual([kernel, memory], [null, null]);
    assert.match(unknown.join('\n'), /never joined/);
  });
});

/** The memory of a fake kernel; pages of `free` are not saved. */
function sourceOf(kernel: FakeKernel, free: ReadonlySet<number>): RegionSource {
  const pages = kernel.memory.length / PAGE_BYTES;
  const region: Region = { kind: 'memory', name: 'memory', start: physAddr(kernel.base), pages };
  const used = [...Array(pages).keys()].filter((page) => !free.has(page));
  return {
    region,
    used: used.map((page) => ({ start: page, end: page + 1 })),
    read: (first, into) =>
      into.set(kernel.memory.subarray(first * PAGE_BYTES, first * PAGE_BYTES + into.length)),
  };
}

async function savedKernel(
  free: ReadonlySet<number> = new Set(),
): Promise<{ bank: Bank; snapshot: Snapshot }> {
  const kernel = kernelWithProcess(MEMORY_START);
  const vmcoreinfo = kernel.placeNote();
  const described = facts('tiny', 'monday');
  const description = {
    ...described,
    kernel: { ...described.kernel, vmcoreinfo, freePages: 'zero' as const },
  };
  const bank = Bank.create(new FakeStorage());
  await bank.save({ description, sources: [sourceOf(kernel, free)] });
  return { bank, snapshot: bank.find('tiny@monday') };
}

describe('inspectSnapshot', () => {
  it('looks into a snapshot', async () => {
    const { bank, snapshot } = await savedKernel();
    const { name, state, kernel, processes, memory, freePages, unknown } = inspectSnapshot(
      bank,
      snapshot,
      ALL,
    );
    assert.deepEqual([name, state, freePages], ['tiny@monday', null, 'zero']);
    assert.equal(kernel!.commandLine, 'quiet');
    assert.equal(processes![0]!.name, 'init');
    assert.equal(memory!.totalBytes, 512 * 1024);
    assert.equal(memory!.usedBytes + memory!.zeroBytes! + memory!.freeBytes, memory!.totalBytes);
    assert.ok(!/free in the snapshot|damaged/.test(unknown.join()));
  });

  it('reads free pages as zeros and says so', async () => {
    const { bank, snapshot } = await savedKernel(new Set([0]));
    const { kernel, unknown } = inspectSnapshot(bank, snapshot, ALL);
    // The root of the page tables is gone, so nothing is mapped.
    assert.equal(kernel!.release, '6.12.1');
    assert.match(unknown.join('\n'), /1 of the pages that were looked at are free/);
  });

  it('needs no memory that it can understand', async () => {
    const bank = Bank.create(new FakeStorage());
    const region = new FakeRegion(memoryRegion(4), [1, 2, 0, null]);
    await bank.save({ description: facts('odd', 'one'), sources: [region] });
    const { kernel, memory } = inspectSnapshot(bank, bank.find('odd@one'), ALL);
    assert.equal(kernel, null);
    assert.deepEqual(memory, {
      totalBytes: 4 * PAGE_BYTES,
      usedBytes: 2 * PAGE_BYTES,
      zeroBytes: PAGE_BYTES,
      freeBytes: PAGE_BYTES,
    });
  });
});
