import { KIB } from '../base/units.ts';
import { encodeBtf, type FakeType } from './btf.fixture.ts';
import { FakeKernel } from './fake-kernel.fixture.ts';
import { writeKallsyms } from './kallsyms.fixture.ts';
import { KernelData } from './kernel-data.ts';

export const BTF = 0xffff_ffff_8300_0000n;
const DATA = 0xffff_ffff_8400_0000n;
/** What the kernel allocated. */
export const HEAP = 0xffff_8880_0100_0000n;
/** Where the variables of each processor are. */
const PROCESSORS = [0xffff_8880_0200_0000n, 0xffff_8880_0201_0000n];

export const SYMBOL = {
  init_task: DATA,
  tcp_hashinfo: DATA + 0x1000n,
  tk_core: DATA + 0x1100n,
  __per_cpu_offset: DATA + 0x1200n,
  __cpu_possible_mask: DATA + 0x1300n,
  nr_cpu_ids: DATA + 0x1308n,
  saved_command_line: DATA + 0x1400n,
  linux_banner: DATA + 0x1500n,
} as const;

/** The structures' members that are read: name → offset in bytes. */
export const OFFSET = {
  task: { __state: 0, flags: 8, tasks: 16, mm: 32, exit_state: 40, tgid: 44, real_parent: 48, real_cred: 56 },
  task2: { comm: 64, signal: 80, saved_state: 88, thread_node: 96, rss_stat: 112 },
  signal: { nr_threads: 0, thread_head: 8 },
  counter: { count: 8, counters: 16, size: 24 },
  sock: {
    daddr: 0,
    rcv_saddr: 4,
    dport: 12,
    num: 14,
    family: 16,
    state: 18,
    v6_daddr: 56,
    v6_rcv_saddr: 72,
    node: 104,
  },
} as const;

const int: FakeType = { kind: 'INT', name: 'unsigned int', size: 4 };
const long: FakeType = { kind: 'INT', name: 'long', size: 8 };
const [INT, LONG, COMM, PTR, LIST, ADDRESS, NODE] = [1, 2, 3, 4, 5, 6, 7];

function members(fields: Readonly<Record<string, readonly [number, number]>>): [string, number, number][] {
  return Object.entries(fields).map(([name, [offset, type]]) => [name, type, offset * 8]);
}

/** `per-processor`: as since 6.2; `per-thread`: as up to 6.1. */
export type MemoryCounting = 'per-processor' | 'per-thread';

function typesOf(counting: MemoryCounting): FakeType[] {
  const { task, task2, signal, sock } = OFFSET;
  const counted = counting === 'per-processor';
  return [
    int,
    long,
    { kind: 'ARRAY', type: 8, count: 16 },
    { kind: 'PTR', type: 0 },
    { kind: 'STRUCT', name: 'list_head', size: 16, members: members({ next: [0, PTR], prev: [8, PTR] }) },
    { kind: 'STRUCT', name: 'in6_addr', size: 16, members: members({ low: [0, LONG], high: [8, LONG] }) },
    {
      kind: 'STRUCT',
      name: 'hlist_nulls_node',
      size: 16,
      members: members({ next: [0, PTR], pprev: [8, PTR] }),
    },
    { kind: 'INT', name: 'char', size: 1 },
    // 9: the counters of a process; 10: an array of 4 of them.
    counted
      ? {
          kind: 'STRUCT',
          name: 'percpu_counter',
          size: 24,
          members: members({ lock: [0, INT], count: [8, LONG], counters: [16, PTR] }),
        }
      : { kind: 'STRUCT', name: 'mm_rss_stat', size: 32, members: members({ count: [0, 10] }) },
    { kind: 'ARRAY', type: counted ? 9 : LONG, count: 4 },
    { kind: 'STRUCT', name: 'mm_struct', size: 1024, members: members({ rss_stat: [64, counted ? 10 : 9] }) },
    {
      kind: 'ENUM',
      name: '',
      values: { MM_FILEPAGES: 0, MM_ANONPAGES: 1, MM_SWAPENTS: 2, MM_SHMEMPAGES: 3 },
    },
    {
      kind: 'STRUCT',
      name: 'signal_struct',
      size: 64,
      members: members({ nr_threads: [signal.nr_threads, INT], thread_head: [signal.thread_head, LIST] }),
    },
    { kind: 'STRUCT', name: 'cred', size: 64, members: members({ uid: [8, INT] }) },
    { kind: 'ARRAY', type: INT, count: 4 },
    {
      kind: 'STRUCT',
      name: 'task_rss_stat',
      size: 20,
      members: members({ events: [0, INT], count: [4, 15] }),
    },
    {
      kind: 'STRUCT',
      name: 'task_struct',
      size: 512,
      members: members({
        __state: [task.__state, INT],
        flags: [task.flags, INT],
        tasks: [task.tasks, LIST],
        mm: [task.mm, PTR],
        exit_state: [task.exit_state, INT],
        tgid: [task.tgid, INT],
        real_parent: [task.real_parent, PTR],
        real_cred: [task.real_cred, PTR],
        comm: [task2.comm, COMM],
        signal: [task2.signal, PTR],
        saved_state: [task2.saved_state, INT],
        thread_node: [task2.thread_node, LIST],
        ...(counted ? {} : { rss_stat: [task2.rss_stat, 16] as const }),
      }),
    },
    {
      kind: 'STRUCT',
      name: 'sock_common',
      size: 136,
      members: members({
        skc_daddr: [sock.daddr, INT],
        skc_rcv_saddr: [sock.rcv_saddr, INT],
        skc_dport: [sock.dport, INT],
        skc_num: [sock.num, INT],
        skc_family: [sock.family, INT],
        skc_state: [sock.state, INT],
        skc_v6_daddr: [sock.v6_daddr, ADDRESS],
        skc_v6_rcv_saddr: [sock.v6_rcv_saddr, ADDRESS],
        skc_nulls_node: [sock.node, NODE],
      }),
    },
    { kind: 'STRUCT', name: 'hlist_nulls_head', size: 8, members: members({ first: [0, PTR] }) },
    { kind: 'STRUCT', name: 'inet_ehash_bucket', size: 8, members: members({ chain: [0, 19] }) },
    {
      kind: 'STRUCT',
      name: 'inet_listen_hashbucket',
      size: 16,
      members: members({ lock: [0, INT], nulls_head: [8, 19] }),
    },
    {
      kind: 'STRUCT',
      name: 'inet_hashinfo',
      size: 64,
      members: members({ ehash: [0, PTR], ehash_mask: [16, INT], lhash2_mask: [48, INT], lhash2: [56, PTR] }),
    },
    {
      kind: 'STRUCT',
      name: 'tk_read_base',
      size: 32,
      members: members({ xtime_nsec: [8, LONG], shift: [16, INT] }),
    },
    {
      kind: 'STRUCT',
      name: 'timekeeper',
      size: 128,
      members: members({
        tkr_mono: [0, 23],
        xtime_sec: [32, LONG],
        offs_real: [40, LONG],
        offs_boot: [48, LONG],
      }),
    },
    { kind: 'STRUCT', name: '', size: 136, members: members({ seq: [0, INT], timekeeper: [8, 24] }) },
  ];
}

/** A kernel with symbols and types, two processors, an empty list of processes and empty tables of sockets. */
export function fakeKernelWithData(
  counting: MemoryCounting = 'per-processor',
  base = 0x1000_0000,
): FakeKernel {
  const kernel = new FakeKernel(base, 512 * KIB, 0);
  const btf = encodeBtf(typesOf(counting));
  kernel.write(BTF, btf);
  const symbols = { ...SYMBOL, __start_BTF: BTF, __stop_BTF: BTF + BigInt(btf.length) };
  writeKallsyms(kernel, Object.entries(symbols));
  const tasks = SYMBOL.init_task + BigInt(OFFSET.task.tasks);
  kernel.writeU64(tasks, tasks);
  for (const [index, area] of PROCESSORS.entries())
    kernel.writeU64(SYMBOL.__per_cpu_offset + BigInt(8 * index), area);
  kernel.write(SYMBOL.__cpu_possible_mask, Buffer.from([0b11]));
  kernel.writeU32(SYMBOL.nr_cpu_ids, 2);
  return kernel;
}

export interface FakeTask {
  readonly pid: number;
  readonly name: string;
  readonly state?: number;
  readonly exitState?: number;
  readonly savedState?: number;
  readonly kernelThread?: boolean;
  readonly uid?: number;
  /** File, anonymous, swapped and shared pages. */
  readonly pages?: readonly number[];
  /** Of each processor or thread, the same for all counters. */
  readonly rest?: readonly number[];
}

/** Puts tasks into the list; each is the child of the one before it. Returns where they are. */
export function writeTasks(
  kernel: FakeKernel,
  tasks: readonly FakeTask[],
  counting: MemoryCounting = 'per-processor',
): bigint[] {
  const { task: at, task2, signal, counter } = OFFSET;
  const places = tasks.map((_, index) => HEAP + BigInt(0x1000 * index));
  for (const [index, task] of tasks.entries()) {
    const place = places[index]!;
    const [signals, cred, mm] = [place + 0x300n, place + 0x380n, place + 0x400n];
    const put = (offset: number, value: number): void => kernel.writeU32(place + BigInt(offset), value);
    const point = (offset: number, to: bigint): void => kernel.writeU64(place + BigInt(offset), to);
    put(at.__state, task.state ?? 0);
    put(at.exit_state, task.exitState ?? 0);
    put(task2.saved_state, task.savedState ?? 0);
    put(at.flags, task.kernelThread === true ? 0x0020_0000 : 0);
    put(at.tgid, task.pid);
    point(at.real_parent, places[index - 1] ?? SYMBOL.init_task);
    kernel.write(place + BigInt(task2.comm), Buffer.from(task.name.padEnd(16, '\0')));
    point(task2.signal, signals);
    kernel.writeU32(signals + BigInt(signal.nr_threads), (task.rest ?? [0]).length);
    point(at.real_cred, cred);
    kernel.writeU32(cred + 8n, task.uid ?? 0);
    const next = places[index + 1] ?? SYMBOL.init_task;
    point(at.tasks, next + BigInt(at.tasks));
    const threads = [signals + BigInt(signal.thread_head), place + BigInt(task2.thread_node)] as const;
    kernel.writeU64(threads[0], threads[1]);
    kernel.writeU64(threads[1], threads[0]);
    if (task.pages === undefined) continue;
    point(at.mm, mm);
    for (const [kind, pages] of task.pages.entries()) {
      if (counting === 'per-thread') {
        kernel.writeU64(mm + 64n + BigInt(8 * kind), BigInt(pages));
        put(task2.rss_stat + 4 + 4 * kind, task.rest?.[0] ?? 0);
        continue;
      }
      const own = mm + 64n + BigInt(counter.size * kind);
      const perProcessor = BigInt(0x100 * index + 16 * kind);
      kernel.writeU64(own + BigInt(counter.count), BigInt(pages));
      kernel.writeU64(own + BigInt(counter.counters), perProcessor);
      for (const [processor, area] of PROCESSORS.entries()) {
        kernel.writeU32(area + perProcessor, task.rest?.[processor] ?? 0);
      }
    }
  }
  kernel.writeU64(SYMBOL.init_task + BigInt(at.tasks), (places[0] ?? SYMBOL.init_task) + BigInt(at.tasks));
  return places;
}

export function dataOf(kernel: FakeKernel): KernelData {
  return new KernelData(kernel.reader, kernel.vmcoreinfo);
}
