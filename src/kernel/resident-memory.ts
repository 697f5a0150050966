import { TorporError } from '../base/errors.ts';
import type { KernelData } from './kernel-data.ts';

/** Resident pages of a process: of its first task and its mm_struct. */
export type ResidentMemory = (task: bigint, mm: bigint) => number;

/** The counters that make up the resident memory (include/linux/mm_types_task.h). */
const COUNTERS = ['MM_FILEPAGES', 'MM_ANONPAGES', 'MM_SHMEMPAGES'] as const;
const MAX_PROCESSORS = 8192;
/** Of one process; more is a list without end. */
const MAX_THREADS = 2 ** 22;

/**
 * How this kernel counts the resident memory of a process: counters for each processor since 6.2,
 * before that one for all and one in each thread. A text says why it cannot be known.
 */
export function openResidentMemory(data: KernelData): ResidentMemory | string {
  try {
    const counter = data.btf.member('mm_struct', 'rss_stat');
    if (counter.structure === 'percpu_counter') return openPerProcessor(data);
    if (counter.structure === 'mm_rss_stat') return openPerThread(data);
    return `mm_struct.rss_stat of the unknown type “${counter.structure}”`;
  } catch (error) {
    if (error instanceof TorporError) return error.message;
    throw error;
  }
}

/** Linux 6.2 and later: `struct percpu_counter rss_stat[NR_MM_COUNTERS]`. */
function openPerProcessor(data: KernelData): ResidentMemory {
  const { btf } = data;
  const stat = btf.member('mm_struct', 'rss_stat');
  const count = BigInt(btf.offset('percpu_counter', 'count'));
  // Without CONFIG_SMP there are none.
  const counters = btf.findMember('percpu_counter', 'counters');
  const indices = COUNTERS.map((name) => enumIndex(data, name, stat.elements));
  const areas = counters === null ? [] : processorAreas(data);
  return (_task, mm) => {
    let pages = 0n;
    for (const index of indices) {
      const at = mm + BigInt(stat.offsetBytes + index * stat.elementBytes);
      pages += data.s64(at + count);
      if (counters === null) continue;
      const own = data.u64(at + BigInt(counters.offsetBytes));
      for (const area of areas) pages += BigInt(data.s32(BigInt.asUintN(64, own + area)));
    }
    return clamp(pages);
  };
}

/** Up to Linux 6.1: `struct mm_rss_stat { atomic_long_t count[NR_MM_COUNTERS] }`, and what threads have not added yet. */
function openPerThread(data: KernelData): ResidentMemory {
  const { btf } = data;
  const stat = btf.offset('mm_struct', 'rss_stat');
  const count = btf.member('mm_rss_stat', 'count');
  const indices = COUNTERS.map((name) => enumIndex(data, name, count.elements));
  // Only with SPLIT_RSS_COUNTING.
  const own = btf.findMember('task_struct', 'rss_stat');
  const ownCount = btf.findMember('task_rss_stat', 'count');
  const signal = BigInt(btf.offset('task_struct', 'signal'));
  const head = BigInt(btf.offset('signal_struct', 'thread_head'));
  const node = BigInt(btf.offset('task_struct', 'thread_node'));
  return (task, mm) => {
    let pages = 0n;
    for (const index of indices) pages += data.s64(mm + BigInt(stat + count.offsetBytes + index * 8));
    if (own === null || ownCount === null) return clamp(pages);
    const first = data.u64(task + signal) + head;
    let next = data.u64(first);
    for (let threads = 0; next !== first && threads < MAX_THREADS; threads += 1) {
      const counts = next - node + BigInt(own.offsetBytes + ownCount.offsetBytes);
      for (const index of indices) pages += BigInt(data.s32(counts + BigInt(index * 4)));
      next = data.u64(next);
    }
    return clamp(pages);
  };
}

function enumIndex(data: KernelData, name: string, elements: number): number {
  const index = data.btf.enumerator(name);
  if (index >= 0 && index < elements) return index;
  throw new TorporError('E_KERNEL_DATA', `${name} is ${index}, and there are ${elements} counters`);
}

/** What to add to the address of a variable that each processor has, for each processor that there may be. */
function processorAreas(data: KernelData): bigint[] {
  const offsets = data.symbol('__per_cpu_offset');
  const mask = data.symbol('__cpu_possible_mask');
  const count = Math.min(data.u32(data.symbol('nr_cpu_ids')), MAX_PROCESSORS);
  const areas: bigint[] = [];
  for (let processor = 0; processor < count; processor += 1) {
    const isPossible = (data.u8(mask + BigInt(processor >> 3)) >> (processor % 8)) & 1;
    if (isPossible === 1) areas.push(data.u64(offsets + BigInt(processor * 8)));
  }
  return areas;
}

function clamp(pages: bigint): number {
  return pages > 0n ? Number(pages) : 0;
}
