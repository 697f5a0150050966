import { renderTable } from '../../../src/cli/output.ts';
import type { PipelineResult, Rate } from '../bank-pipeline.ts';
import type { Comparison } from '../switch/comparison.ts';
import type { BankSamples, DiskTimes } from './measure.ts';

/** What `bench -- bank --json` prints. Times are those of the machine's own clock, but for restoreMs and hibernation. */
export interface BankBenchResult {
  /** How long the OS stood still for its first snapshot, and for the second one after 5 % of its pages had changed. */
  readonly firstPauseMs: number;
  readonly secondPauseMs: number;
  /** From the command in home to its answer. */
  readonly restoreMs: number;
  /** As many bytes as the first snapshot stored, to the same disk (with fsync) and from it. */
  readonly ddWriteMs: number;
  readonly ddReadMs: number;
  /** The same for all pages that it read, zero pages left out, as they are before compression. */
  readonly ddPages: DiskTimes;
  /** Of the same OS by its own kernel; null with --quick. */
  readonly hibernateMs: number | null;
  readonly resumeFromDiskMs: number | null;
  /** What the bank grew by at the first snapshot: memory and disk. */
  readonly storedBytes: number;
  readonly secondStoredBytes: number;
  readonly changedBytes: number;
  /** `makedumpfile -d 31` of its memory: without the page cache and the data of its programs. */
  readonly makedumpfileBytes: number;
  /** `makedumpfile -d 17`: what is needed to go on, as the bank has it. */
  readonly makedumpfileWholeBytes: number;
  /** What the bank needs for the same memory. */
  readonly memoryStoredBytes: number;
  readonly makedumpfile: { readonly version: string; readonly zstdLevel: number };
  /** Files of a bank with one snapshot of a working OS, and with ten daily ones. */
  readonly oneSnapshotBytes: number;
  readonly tenSnapshotsBytes: number;
  readonly snapshotsOfDays: number;
  /** MB/s (10⁶) on this host, not emulated, over the memory of the OS, by stage; null with --quick. */
  readonly nativeMBps: Readonly<Record<string, Rate>> | null;
  /** The slowest of memcpy, sha256sum and zstd ÷ the pipeline. */
  readonly nativeRatios: PipelineResult['ratios'] | null;
  readonly switchesMs: number;
  readonly stagesMs: Readonly<Record<'first' | 'second' | 'restore', Readonly<Record<string, number>>>>;
  /** The aims, each as what was reached of it: at most 1 is what is wanted. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly cpus: number;
  /** Times of an emulated machine are not those of metal; ratios within one run are comparable. */
  readonly emulated: boolean;
}

export function summarizeBank(
  samples: BankSamples,
  hibernation: Pick<Comparison, 'hibernateMs' | 'resumeMs'> | null,
  native: PipelineResult | null,
  machine: { readonly cpus: number; readonly emulated: boolean },
): BankBenchResult {
  const { first, second, dd, memory } = samples;
  const firstPauseMs = first.pauseMs ?? Number.NaN;
  const secondPauseMs = second.pauseMs ?? Number.NaN;
  const ratio = (value: number, aim: number): number => Math.round((100 * value) / aim) / 100;
  return {
    firstPauseMs: Math.round(firstPauseMs),
    secondPauseMs: Math.round(secondPauseMs),
    restoreMs: Math.round(samples.restoreMs),
    ddWriteMs: Math.round(dd.writeMs),
    ddReadMs: Math.round(dd.readMs),
    ddPages: samples.ddPages,
    hibernateMs: hibernation === null ? null : Math.round(hibernation.hibernateMs),
    resumeFromDiskMs: hibernation === null ? null : Math.round(hibernation.resumeMs),
    storedBytes: first.storedBytes,
    secondStoredBytes: second.storedBytes,
    changedBytes: samples.changedBytes,
    makedumpfileBytes: memory.bytes,
    makedumpfileWholeBytes: memory.wholeBytes,
    memoryStoredBytes: samples.memoryStoredBytes,
    makedumpfile: { version: memory.version, zstdLevel: memory.zstdLevel },
    oneSnapshotBytes: samples.oneSnapshotBytes,
    tenSnapshotsBytes: samples.tenSnapshotsBytes,
    snapshotsOfDays: samples.days.length,
    nativeMBps: native && { ...native.stages, ...native.pipeline, ...native.references },
    nativeRatios: native?.ratios ?? null,
    switchesMs: Math.round(samples.switchesMs),
    stagesMs: { first: first.stagesMs, second: second.stagesMs, restore: samples.restoreStagesMs },
    ratios: {
      'firstPauseMs / (1.5 × ddWriteMs + switchesMs)': ratio(
        firstPauseMs,
        1.5 * dd.writeMs + samples.switchesMs,
      ),
      'secondPauseMs / (0.25 × firstPauseMs)': ratio(secondPauseMs, 0.25 * firstPauseMs),
      'restoreMs / (1.3 × ddReadMs)': ratio(samples.restoreMs, 1.3 * dd.readMs),
      'tenSnapshotsBytes / (1.6 × oneSnapshotBytes)': ratio(
        samples.tenSnapshotsBytes,
        1.6 * samples.oneSnapshotBytes,
      ),
      'memoryStoredBytes / makedumpfileBytes': ratio(samples.memoryStoredBytes, memory.bytes),
      'memoryStoredBytes / makedumpfileWholeBytes': ratio(samples.memoryStoredBytes, memory.wholeBytes),
    },
    ...machine,
  };
}

export function renderBank(result: BankBenchResult): string {
  const seconds = (ms: number | null): string => (ms === null ? '-' : `${(ms / 1000).toFixed(1)} s`);
  const size = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  const where = `${result.cpus} CPUs${result.emulated ? ', emulated' : ''}`;
  return [
    `snapshots of a working Debian 12 with 512 MiB, ${where}`,
    '',
    renderTable(
      ['', 'TIME', 'BYTES'],
      [
        ['pause of the first snapshot', seconds(result.firstPauseMs), size(result.storedBytes)],
        ['pause of the second, 5 % changed', seconds(result.secondPauseMs), size(result.secondStoredBytes)],
        ['restore', seconds(result.restoreMs), size(result.ddPages.bytes)],
        ['dd of what the first stored, written', seconds(result.ddWriteMs), size(result.storedBytes)],
        ['dd of what the first stored, read', seconds(result.ddReadMs), size(result.storedBytes)],
        ['dd of all its pages, written', seconds(result.ddPages.writeMs), size(result.ddPages.bytes)],
        ['dd of all its pages, read', seconds(result.ddPages.readMs), size(result.ddPages.bytes)],
        ['hibernation, to sleep', seconds(result.hibernateMs), '-'],
        ['hibernation, back', seconds(result.resumeFromDiskMs), '-'],
        ['memory in the bank', '-', size(result.memoryStoredBytes)],
        ['memory by makedumpfile -d 17', '-', size(result.makedumpfileWholeBytes)],
        ['memory by makedumpfile -d 31', '-', size(result.makedumpfileBytes)],
        ['one snapshot', '-', size(result.oneSnapshotBytes)],
        [`${result.snapshotsOfDays} daily snapshots`, '-', size(result.tenSnapshotsBytes)],
      ],
    ),
    '',
    renderTable(
      ['AIM (at most 1)', ''],
      Object.entries(result.ratios).map(([name, value]) => [name, value.toFixed(2)]),
    ),
    ...(result.nativeMBps === null ? [] : ['', renderNative(result.nativeMBps)]),
  ].join('\n');
}

function renderNative(rates: Readonly<Record<string, Rate>>): string {
  const rows = Object.entries(rates).map(([name, { perCore, wall }]) => [
    name,
    String(perCore),
    String(wall),
  ]);
  return renderTable(['NATIVE MB/s', 'A CORE', 'CLOCK'], rows);
}
