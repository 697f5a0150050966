import { PAGE_BYTES } from '../base/units.ts';
import type { KernelData } from './kernel-data.ts';
import { openResidentMemory } from './resident-memory.ts';
import { decodeTaskState, type TaskState } from './task-state.ts';

export interface KernelProcess {
  readonly pid: number;
  readonly parentPid: number;
  /** At most 15 bytes: the name of the program that it runs, unless it set another one. */
  readonly name: string;
  readonly state: TaskState;
  /** It was frozen when its OS was parked. It goes on as `state` says; older kernels do not keep that: `frozen`. */
  readonly frozen: boolean;
  readonly threads: number;
  /** User whose rights it has; null when unknown. */
  readonly uid: number | null;
  /** A part of the kernel without memory of its own. */
  readonly kernelThread: boolean;
  /** Memory that it has resident; null for kernel threads, zombies, and when unknown. */
  readonly residentBytes: number | null;
}

export interface ProcessList {
  readonly processes: readonly KernelProcess[];
  /** What could not be found out and why; what damage hid. */
  readonly unknown: readonly string[];
}

/** More are not listed. */
const MAX_PROCESSES = 2 ** 20;
/** TASK_COMM_LEN is 16. */
const MAX_NAME_BYTES = 64;
/** PF_KTHREAD (include/linux/sched.h, 6.1 to 7.2). */
const PF_KTHREAD = 0x0020_0000;

/**
 * The processes of a kernel that does not run, in the order in which they were made, by its list of
 * tasks (init_task.tasks) and its BTF. Bounded for lists that damage has made endless.
 * Throws E_KERNEL_DATA when the list or the structure of its members is not to be found.
 */
export function readProcesses(data: KernelData): ProcessList {
  const { btf } = data;
  const at = (path: string): bigint => BigInt(btf.offset('task_struct', path));
  const offsets = {
    tasks: at('tasks'),
    tgid: at('tgid'),
    comm: at('comm'),
    state: at('__state'),
    exitState: at('exit_state'),
    flags: at('flags'),
    parent: at('real_parent'),
    signal: at('signal'),
    mm: at('mm'),
  };
  const savedState = btf.findMember('task_struct', 'saved_state');
  const credentials = btf.findMember('task_struct', 'real_cred');
  const commBytes = Math.min(btf.member('task_struct', 'comm').elements, MAX_NAME_BYTES);
  const threadCount = BigInt(btf.offset('signal_struct', 'nr_threads'));
  const uid = btf.findMember('cred', 'uid');
  const unknown: string[] = [];
  const memory = openResidentMemory(data);
  if (typeof memory === 'string') unknown.push(`memory of the processes: ${memory}`);

  const readOne = (task: bigint): KernelProcess => {
    const flags = data.u32(task + offsets.flags);
    const state = data.u32(task + offsets.state);
    const saved = savedState === null ? 0 : data.u32(task + BigInt(savedState.offsetBytes));
    const mm = data.u64(task + offsets.mm);
    const kernelThread = (flags & PF_KTHREAD) !== 0;
    const parent = data.u64(task + offsets.parent);
    const cred = credentials === null ? 0n : data.u64(task + BigInt(credentials.offsetBytes));
    return {
      pid: data.s32(task + offsets.tgid),
      parentPid: parent === 0n ? 0 : data.s32(parent + offsets.tgid),
      name: data.text(task + offsets.comm, commBytes),
      ...decodeTaskState(state, data.u32(task + offsets.exitState), saved),
      threads: data.s32(data.u64(task + offsets.signal) + threadCount),
      uid: cred === 0n || uid === null ? null : data.u32(cred + BigInt(uid.offsetBytes)),
      kernelThread,
      residentBytes:
        kernelThread || mm === 0n || typeof memory === 'string' ? null : memory(task, mm) * PAGE_BYTES,
    };
  };
  return { ...walk(data, data.symbol('init_task'), offsets.tasks, readOne, unknown), unknown };
}

/** Goes along the list of tasks, `init_task` (the idle task, process 0) not included. */
function walk(
  data: KernelData,
  initTask: bigint,
  tasks: bigint,
  readOne: (task: bigint) => KernelProcess,
  unknown: string[],
): { processes: KernelProcess[] } {
  const processes: KernelProcess[] = [];
  const seen = new Set<bigint>();
  const head = initTask + tasks;
  try {
    for (let node = data.u64(head); node !== head; node = data.u64(node)) {
      if (seen.has(node) || seen.size >= MAX_PROCESSES) {
        unknown.push(`the list of processes is damaged: it comes back to its ${processes.length}th member`);
        break;
      }
      seen.add(node);
      processes.push(readOne(node - tasks));
    }
  } catch (error) {
    unknown.push(`processes after the first ${processes.length}: ${(error as Error).message}`);
  }
  return { processes };
}
