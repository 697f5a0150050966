import { closeSync, existsSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runProcess } from '../../../lab/build/run-process.ts';
import type { LabMachine } from '../../../lab/machine/lab-machine.ts';
import { homeOf } from '../../../lab/machine/machine-spec.ts';
import { openQmp } from '../../../lab/machine/qmp.ts';
import { sizeOf } from '../../../src/base/ranges.ts';
import { MIB, PAGE_BYTES } from '../../../src/base/units.ts';
import { decodePlanArguments } from '../../../src/memory/plan-arguments.ts';

const CHUNK_BYTES = 16 * MIB;
const PARTS = ['memory', 'low', 'disk'] as const;

/** All that a parked OS is, as files of the host: its slot, its low slice, its disk. */
export interface OsImage {
  readonly os: string;
  readonly files: Readonly<Record<(typeof PARTS)[number], string>>;
  remove(): void;
}

/**
 * Copies a parked OS from outside: its memory through QEMU, its disk from the host. It is how a test
 * knows what Torpor should have kept without asking Torpor.
 */
export async function copyOs(machine: LabMachine, os: string, label: string): Promise<OsImage> {
  const directory = machine.state.directory;
  const files = {
    memory: join(directory, `${label}-memory.bin`),
    low: join(directory, `${label}-low.bin`),
    disk: join(directory, `${label}-disk.bin`),
  };
  const remove = (): void => {
    for (const file of Object.values(files)) rmSync(file, { force: true });
  };
  remove();
  const slot = slotOf(machine, os);
  const qmp = await openQmp(machine.state.sockets.qmp);
  try {
    for (const part of ['memory', 'low'] as const) {
      const range = slot[part];
      await qmp.execute('pmemsave', { val: range.start, size: sizeOf(range), filename: files[part] });
    }
  } finally {
    qmp.close();
  }
  await runProcess('cp', ['--sparse=always', diskOf(machine, os), files.disk]);
  return { os, files, remove };
}

/** The file behind the disk of an OS. */
export function diskOf(machine: LabMachine, os: string): string {
  return machine.spec.disks.find((disk) => disk.os === os)!.path;
}

function slotOf(machine: LabMachine, os: string) {
  const plan = decodePlanArguments(homeOf(machine.spec).kernelArguments.join(' '))!;
  const { number } = machine.spec.oses.find(({ name }) => name === os)!;
  return plan.slots.find(({ index }) => index === number)!;
}

/** How a part differs, in pages. */
export interface PartDifference {
  readonly pages: number;
  /** Of these, the ones that are not all zeros now. */
  readonly notZero: number;
  /** Byte offset of the first of them. */
  readonly first: number | null;
}

/** Compares two copies of an OS page by page; pages of the disk in `freeOnDisk` may be anything. */
export function compareCopies(
  before: OsImage,
  now: OsImage,
  freeOnDisk: ReadonlySet<number> = new Set(),
): Record<(typeof PARTS)[number], PartDifference> {
  const entries = PARTS.map((part) => {
    const skipped = part === 'disk' ? freeOnDisk : new Set<number>();
    return [part, compareFiles(before.files[part], now.files[part], skipped)];
  });
  return Object.fromEntries(entries);
}

/** Copies that were made of nothing, as when a step before failed, must not pass for equal ones. */
function compareFiles(before: string, now: string, skipped: ReadonlySet<number>): PartDifference {
  if (!existsSync(before) || statSync(before).size !== statSync(now).size || statSync(now).size === 0) {
    throw new Error(`${before} and ${now} are not of one size`);
  }
  const [a, b] = [openSync(before, 'r'), openSync(now, 'r')];
  const [was, is] = [Buffer.alloc(CHUNK_BYTES), Buffer.alloc(CHUNK_BYTES)];
  const zero = Buffer.alloc(PAGE_BYTES);
  const found = { pages: 0, notZero: 0, first: null as number | null };
  try {
    for (let at = 0; ; at += CHUNK_BYTES) {
      const bytes = readSync(a, was, 0, CHUNK_BYTES, at);
      if (readSync(b, is, 0, CHUNK_BYTES, at) !== bytes) throw new Error(`${now} is shorter`);
      if (bytes === 0) return found;
      if (was.compare(is, 0, bytes, 0, bytes) === 0) continue;
      for (let page = 0; page < bytes; page += PAGE_BYTES) {
        const end = Math.min(page + PAGE_BYTES, bytes);
        if (was.compare(is, page, end, page, end) === 0) continue;
        if (skipped.has((at + page) / PAGE_BYTES)) continue;
        found.pages += 1;
        if (is.compare(zero, 0, end - page, page, end) === 0) continue;
        found.notZero += 1;
        found.first ??= at + page;
      }
    }
  } finally {
    closeSync(a);
    closeSync(b);
  }
}
