import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TorporError } from '../base/errors.ts';
import { PAGE_BYTES } from '../base/units.ts';
import { dataOf, fakeKernelWithData, OFFSET, writeTasks } from './kernel-data.fixture.ts';
import { readProcesses } from './processes.ts';

const TASKS = [
  { pid: 1, name: 'init', state: 1, pages: [10, 20, 99, 3], rest: [1, -2] },
  { pid: 2, name: 'kthreadd', state: 0x402, kernelThread: true, pages: [5, 5, 5, 5] },
  { pid: 7, name: 'fifteen-letters', state: 0x8000, savedState: 0x2001, uid: 1000, pages: [1, 1, 0, 0] },
  { pid: 8, name: 'zombie', exitState: 0x20, state: 0x80 },
  { pid: 9, name: 'frozen', state: 0x8000, pages: [-5, 0, 0, 0], rest: [-1, -1] },
  { pid: 10, name: 'stopped', state: 0x8000, savedState: 0x104 },
];

describe('readProcesses', () => {
  it('reads every process', () => {
    const kernel = fakeKernelWithData();
    writeTasks(kernel, TASKS);
    const { processes, unknown } = readProcesses(dataOf(kernel));
    assert.deepEqual(unknown, []);
    assert.deepEqual(processes[0], {
      pid: 1,
      parentPid: 0,
      name: 'init',
      state: 'sleeping',
      frozen: false,
      threads: 2,
      uid: 0,
      kernelThread: false,
      residentBytes: (10 + 20 + 3 - 3) * PAGE_BYTES,
    });
    assert.deepEqual(
      processes.map(({ pid, parentPid, state, frozen, uid, residentBytes }) =>
        [pid, parentPid, state, frozen, uid, residentBytes].join(' '),
      ),
      [
        `1 0 sleeping false 0 ${30 * PAGE_BYTES}`,
        '2 1 idle false 0 ',
        `7 2 sleeping true 1000 ${2 * PAGE_BYTES}`,
        '8 7 zombie false 0 ',
        '9 8 frozen true 0 0',
        '10 9 stopped true 0 ',
      ],
    );
    assert.equal(processes[2]!.name, 'fifteen-letters');
  });

  it('counts memory as kernels before 6.2 do', () => {
    const kernel = fakeKernelWithData('per-thread');
    writeTasks(kernel, [{ pid: 1, name: 'init', pages: [10, 20, 99, 3], rest: [2] }], 'per-thread');
    assert.equal(readProcesses(dataOf(kernel)).processes[0]!.residentBytes, (33 + 3 * 2) * PAGE_BYTES);
  });

  it('stops where the list comes back or breaks off', () => {
    const kernel = fakeKernelWithData();
    const places = writeTasks(kernel, TASKS);
    const next = places[3]! + BigInt(OFFSET.task.tasks);
    kernel.writeU64(next, places[1]! + BigInt(OFFSET.task.tasks));
    const back = readProcesses(dataOf(kernel));
    assert.equal(back.processes.length, 4);
    assert.match(back.unknown.join(), /comes back/);
    kernel.writeU64(next, 0x1000n);
    const broken = readProcesses(dataOf(kernel));
    assert.equal(broken.processes.length, 4);
    assert.match(broken.unknown.join(), /processes after the first 4: .* unreadable/);
  });

  it('says what it would need', () => {
    const kernel = fakeKernelWithData();
    kernel.note.delete('SYMBOL(kallsyms_names)');
    assert.throws(() => readProcesses(dataOf(kernel)), { code: 'E_KERNEL_DATA', message: /CONFIG_KALLSYMS/ });
  });

  it('is bounded whatever was damaged', () => {
    const damage = fc.array(fc.tuple(fc.nat(6 * 512 - 1), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(damage, (words) => {
        const kernel = fakeKernelWithData();
        const places = writeTasks(kernel, TASKS);
        for (const [at, value] of words) kernel.writeU64(places[0]! + BigInt(8 * at), value);
        try {
          assert.ok(readProcesses(dataOf(kernel)).processes.length <= TASKS.length * 512);
        } catch (error) {
          assert.ok(error instanceof TorporError, String(error));
        }
      }),
      { numRuns: 60 },
    );
  });
});
