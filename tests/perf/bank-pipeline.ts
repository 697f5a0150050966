import { spawnSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Bank } from '../../src/bank/bank.ts';
import type { SnapshotFacts } from '../../src/bank/description.ts';
import { pageDigester } from '../../src/bank/pack-reader.ts';
import type { Region, RegionSource, RegionTarget } from '../../src/bank/region.ts';
import { openSeal } from '../../src/bank/seal.ts';
import { verifySnapshot } from '../../src/bank/verify.ts';
import { isZeroPage } from '../../src/bank/zero-page.ts';
import { compressFrame, expandFrame } from '../../src/bank/zstd.ts';
import { TorporError } from '../../src/base/errors.ts';
import { MIB, PAGE_BYTES, physAddr } from '../../src/base/units.ts';
import { openStorage } from '../../src/sys/linux/storage.ts';
import { xxh64 } from '../../src/sys/xxh64.ts';

const IMAGE_BYTES = 512 * MIB;
const CHUNK_BYTES = MIB;
/** Each is measured so often; the best counts, for other programs run beside it. */
const REPEATS = 3;
/** Where the content of an image comes from that is not a dump. */
const PROGRAM_FOLDERS = ['/usr/lib', '/usr/bin', '/usr/share'];

export const PIPELINE_USAGE = `usage: npm run -s bench -- pipeline [--json] [--image FILE]

The bank's stages on this machine itself, beside memcpy, sha256sum and zstd -1 over the same bytes.

  --image FILE  a memory dump, of which at most 2 GiB are taken; default: 512 MiB of programs and zeros
  --json        one JSON object on standard output`;

/** Throws E_USAGE. */
export function parsePipelineOptions(argv: readonly string[]): { image: string | undefined; json: boolean } {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { image: { type: 'string' }, json: { type: 'boolean', default: false } },
    });
    if (positionals.join() !== 'pipeline') throw new Error('name one bench');
    return { image: values.image, json: values.json };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new TorporError('E_USAGE', message, { hint: PIPELINE_USAGE.split('\n')[0]!, cause });
  }
}

/** MB/s, 10⁶ bytes of the image. `perCore` by processor time, `wall` by the clock with all cores. */
export interface Rate {
  readonly perCore: number;
  readonly wall: number;
}

export interface PipelineResult {
  readonly image: { readonly bytes: number; readonly zeroBytes: number; readonly dump: boolean };
  /** Each stage alone over the same bytes. */
  readonly stages: Readonly<Record<string, Rate>>;
  /** The stages together, as the bank runs them, on the filesystem of the temporary directory. */
  readonly pipeline: Readonly<Record<'save' | 'saveAgain' | 'verify' | 'verifyPages' | 'place', Rate>>;
  /** What there is to compare with, over the same file. */
  readonly references: Readonly<Record<'memcpy' | 'sha256sum' | 'zstd' | 'zstdTwoThreads' | 'unzstd', Rate>>;
  readonly storedBytes: number;
  /** The slowest reference ÷ the pipeline, both by the clock: at most 1.3 is the aim. */
  readonly ratios: Readonly<Record<'save' | 'verify' | 'place', number>>;
}

/**
 * Measures the bank natively on this machine: over a memory dump when there is one, else over an
 * image of programs and zeros. Takes about a minute, and twice the image's size in the temporary
 * directory.
 */
export async function measurePipeline(
  options: { readonly image?: string; readonly say?: (text: string) => void } = {},
): Promise<PipelineResult> {
  const say = options.say ?? (() => {});
  const folder = mkdtempSync(join(tmpdir(), 'torpor-pipeline-'));
  try {
    const path = options.image ?? buildImage(join(folder, 'image'));
    const image = readImage(path);
    say(`stages over ${Math.round(image.length / MIB)} MiB`);
    const zeroBytes = countZeroBytes(image);
    const stages = await measureStages(image);
    say('references');
    const references = measureReferences(path, image, folder);
    say('the whole pipeline');
    const { pipeline, storedBytes } = await measureBankOn(image, folder);
    const slowest = Math.min(
      ...[references.memcpy, references.sha256sum, references.zstd].map((rate) => rate.wall),
    );
    const ratio = (rate: Rate): number => Math.round((100 * slowest) / rate.wall) / 100;
    return {
      image: { bytes: image.length, zeroBytes, dump: options.image !== undefined },
      stages,
      pipeline,
      references,
      storedBytes,
      ratios: { save: ratio(pipeline.save), verify: ratio(pipeline.verify), place: ratio(pipeline.place) },
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Tables of the same figures. */
export function renderPipeline(result: PipelineResult): string {
  const rows = (rates: Readonly<Record<string, Rate>>): string[] =>
    Object.entries(rates).map(
      ([name, { perCore, wall }]) =>
        `  ${name.padEnd(16)}${String(perCore).padStart(8)}${String(wall).padStart(8)}`,
    );
  return [
    `${'MB/s'.padEnd(18)}${'a core'.padStart(8)}${'clock'.padStart(8)}`,
    'stages alone',
    ...rows(result.stages),
    'pipeline',
    ...rows(result.pipeline),
    'to compare with',
    ...rows(result.references),
    `slowest reference ÷ pipeline (aim: at most 1.3): ${JSON.stringify(result.ratios)}`,
  ].join('\n');
}

async function measureStages(image: Buffer): Promise<Record<string, Rate>> {
  const digest = pageDigester(openSeal);
  const content = contentPages(image);
  const frames = chunksOf(content);
  const compressed: Uint8Array[] = [];
  for (const frame of frames) compressed.push(await compressFrame(frame));
  const into = Buffer.alloc(CHUNK_BYTES);
  return {
    read: await best(image.length, () => {
      for (const chunk of chunksOf(image)) chunk.copy(into);
    }),
    scan: await best(image.length, () => {
      for (let at = 0; at < image.length; at += PAGE_BYTES) isZeroPage(image, at);
    }),
    fingerprint: await best(content.length, () => eachPage(content, xxh64)),
    digest: await best(content.length, () => eachPage(content, digest)),
    compress: await best(content.length, async () => {
      for (const frame of frames) await compressFrame(frame);
    }),
    expand: await best(content.length, async () => {
      for (const [index, frame] of compressed.entries()) await expandFrame(frame, frames[index]!.length);
    }),
  };
}

function measureReferences(path: string, image: Buffer, folder: string): PipelineResult['references'] {
  const target = Buffer.alloc(image.length);
  image.copy(target);
  return {
    memcpy: bestNow(image.length, () => void image.copy(target)),
    sha256sum: bestOfProgram(image.length, `sha256sum '${path}'`),
    zstd: bestOfProgram(image.length, `zstd -1 -T1 -c '${path}'`),
    zstdTwoThreads: bestOfProgram(image.length, `zstd -1 -T2 -c '${path}'`),
    unzstd: bestOfProgram(
      image.length,
      `zstd -dc '${folder}/zst'`,
      `zstd -q -f -1 '${path}' -o '${folder}/zst'`,
    ),
  };
}

async function measureBankOn(
  image: Buffer,
  folder: string,
): Promise<Pick<PipelineResult, 'pipeline' | 'storedBytes'>> {
  const region: Region = {
    kind: 'memory',
    name: 'memory',
    start: physAddr(2 ** 30),
    pages: image.length / PAGE_BYTES,
  };
  const place = join(folder, 'bank');
  let storedBytes = 0;
  const open = (): Bank => {
    rmSync(place, { recursive: true, force: true });
    return Bank.create(openStorage(place));
  };
  let bank = open();
  const save = await best(image.length, async () => {
    bank.close();
    bank = open();
    storedBytes = (await bank.save({ description: facts('first'), sources: [sourceOf(region, image)] }))
      .storedBytes;
  });
  let number = 0;
  const saveAgain = await best(image.length, async () => {
    number += 1;
    await bank.save({ description: facts(`again-${number}`), sources: [sourceOf(region, image)] });
  });
  const snapshot = bank.find('bench@first');
  const verify = await best(image.length, () => verifySnapshot(bank, snapshot, { depth: 'stored' }));
  const verifyPages = await best(image.length, () => verifySnapshot(bank, snapshot, { depth: 'pages' }));
  const target = Buffer.alloc(image.length, 1);
  const placed = await best(image.length, () => bank.place(snapshot, [targetOf(region, target)]));
  if (!target.equals(image)) throw new Error('what was placed is not what was saved');
  bank.close();
  return { pipeline: { save, saveAgain, verify, verifyPages, place: placed }, storedBytes };
}

function sourceOf(region: Region, image: Buffer): RegionSource {
  return {
    region,
    used: [{ start: 0, end: region.pages }],
    read: (firstPage, into) => void image.copy(into, 0, firstPage * PAGE_BYTES),
  };
}

function targetOf(region: Region, memory: Buffer): RegionTarget {
  const zero = (firstPage: number, count: number): void => {
    memory.fill(0, firstPage * PAGE_BYTES, (firstPage + count) * PAGE_BYTES);
  };
  return {
    region,
    write: (firstPage, bytes) => memory.set(bytes, firstPage * PAGE_BYTES),
    zero,
    free: zero,
    flush: () => {},
    read: (firstPage, into) => void memory.copy(into, 0, firstPage * PAGE_BYTES),
  };
}

/** The best of some runs: processor time of all threads, and the clock. */
async function best(bytes: number, action: () => unknown): Promise<Rate> {
  const runs: Rate[] = [];
  for (let run = 0; run < REPEATS; run += 1) {
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    await action();
    const spent = process.cpuUsage(cpu);
    runs.push(rateOf(bytes, (spent.user + spent.system) / 1000, performance.now() - start));
  }
  return bestOf(runs);
}

function bestNow(bytes: number, action: () => void): Rate {
  const runs: Rate[] = [];
  for (let run = 0; run < REPEATS; run += 1) {
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    action();
    const spent = process.cpuUsage(cpu);
    runs.push(rateOf(bytes, (spent.user + spent.system) / 1000, performance.now() - start));
  }
  return bestOf(runs);
}

/** The same of a program, whose output goes nowhere; bash tells its processor time. */
function bestOfProgram(bytes: number, command: string, before = ':'): Rate {
  const runs: Rate[] = [];
  for (let run = 0; run < REPEATS; run += 1) {
    const script = `${before}; TIMEFORMAT='%R %U %S'; time ${command} >/dev/null`;
    const { stderr, status } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    const times = /([\d.]+) ([\d.]+) ([\d.]+)\s*$/.exec(stderr);
    if (status !== 0 || times === null) throw new Error(`${command}: ${stderr}`);
    const [wall, user, system] = times.slice(1).map(Number) as [number, number, number];
    runs.push(rateOf(bytes, (user + system) * 1000, wall * 1000));
  }
  return bestOf(runs);
}

function rateOf(bytes: number, cpuMs: number, wallMs: number): Rate {
  return { perCore: Math.round(bytes / cpuMs / 1000), wall: Math.round(bytes / wallMs / 1000) };
}

function bestOf(runs: readonly Rate[]): Rate {
  return {
    perCore: Math.max(...runs.map((run) => run.perCore)),
    wall: Math.max(...runs.map((run) => run.wall)),
  };
}

function chunksOf(bytes: Buffer): Buffer[] {
  const count = Math.ceil(bytes.length / CHUNK_BYTES);
  return Array.from({ length: count }, (_, index) =>
    bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES),
  );
}

function eachPage(bytes: Buffer, action: (page: Buffer) => unknown): void {
  for (let at = 0; at < bytes.length; at += PAGE_BYTES) action(bytes.subarray(at, at + PAGE_BYTES));
}

function countZeroBytes(image: Buffer): number {
  let pages = 0;
  for (let at = 0; at < image.length; at += PAGE_BYTES) if (isZeroPage(image, at)) pages += 1;
  return pages * PAGE_BYTES;
}

/** The pages that are not zeros, one after the other. */
function contentPages(image: Buffer): Buffer {
  const pages: Buffer[] = [];
  for (let at = 0; at < image.length; at += PAGE_BYTES) {
    if (!isZeroPage(image, at)) pages.push(image.subarray(at, at + PAGE_BYTES));
  }
  return Buffer.concat(pages);
}

/** Whole pages only, at most 2 GiB. */
function readImage(path: string): Buffer {
  const bytes = Math.min(statSync(path).size, 2048 * MIB);
  const image = Buffer.allocUnsafeSlow(bytes - (bytes % PAGE_BYTES));
  const fd = openSync(path, 'r');
  try {
    for (let done = 0; done < image.length; ) done += readSync(fd, image, done, image.length - done, done);
  } finally {
    closeSync(fd);
  }
  return image;
}

/** Programs, libraries and texts, page-aligned as in the page cache, with a fifth of zeros between them. */
function buildImage(path: string): string {
  const fd = openSync(path, 'w');
  try {
    let size = 0;
    for (const file of filesUnder(PROGRAM_FOLDERS)) {
      if (size >= IMAGE_BYTES) break;
      const content = readFileSync(file);
      writeSync(fd, content, 0, content.length, size);
      const pages = Math.ceil(content.length / PAGE_BYTES);
      size += (pages + Math.ceil(pages / 5)) * PAGE_BYTES;
    }
    ftruncateSync(fd, IMAGE_BYTES);
  } finally {
    closeSync(fd);
  }
  return path;
}

function* filesUnder(folders: readonly string[]): Generator<string> {
  for (const folder of folders) {
    for (const name of readdirSync(folder).toSorted()) {
      const path = join(folder, name);
      const stat = lstatSync(path);
      if (stat.isDirectory()) yield* filesUnder([path]);
      else if (stat.isFile() && stat.size > 0 && stat.size < 64 * MIB) yield path;
    }
  }
}

function facts(tag: string): SnapshotFacts {
  return {
    os: 'bench',
    tag,
    note: '',
    createdMs: Date.now(),
    engine: 'resident',
    machine: {
      firmwareMap: [],
      switchboard: 0,
      slot: { index: 1, memory: { start: 2 ** 30, end: 2 ** 36 }, low: null },
      cpu: { vendor: '', model: '', flags: [], la57: false, processors: 1 },
    },
    kernel: {
      release: '',
      bootId: '',
      commandLine: null,
      entry: 0,
      stub: 0,
      vmcoreinfo: null,
      freePages: 'any',
    },
    disks: [],
  };
}
