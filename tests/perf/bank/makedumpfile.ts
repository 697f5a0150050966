import {
  closeSync,
  createReadStream,
  createWriteStream,
  openSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { runProcess } from '../../../lab/build/run-process.ts';
import type { LabMachine } from '../../../lab/machine/lab-machine.ts';
import { homeOf } from '../../../lab/machine/machine-spec.ts';
import { unpackPackages } from '../../../lab/rootfs/packages.ts';
import { parseVmcoreinfoLocation } from '../../../src/kernel/vmcoreinfo.ts';
import { decodePlanArguments } from '../../../src/memory/plan-arguments.ts';
import type { OsImage } from '../../lab/bank/os-image.ts';
import { encodeCoreHeader } from './core-file.ts';

/** Debian 13's: Debian 12's knows no zstd and no kernel as new as the lab's. With the libraries that it needs. */
const PACKAGES = [
  ...['makedumpfile', 'libdw1t64', 'libelf1t64', 'libbz2-1.0', 'liblzma5', 'zlib1g', 'libzstd1'],
  ...['libc6', 'liblzo2-2'],
];
const LIBRARIES = 'usr/lib/x86_64-linux-gnu';
/** Compiled into makedumpfile 1.7.6: the last argument of its ZSTD_compressCCtx. */
export const ZSTD_LEVEL = 1;

/** Dump levels of makedumpfile(8): what is left out. */
const LEVELS = {
  /** Zero pages, page cache, data of user processes, free pages: enough to look at a crash, not to go on. */
  all: 31,
  /** Zero and free pages: what an OS needs to go on. */
  whole: 17,
} as const;

export interface MakedumpfileSizes {
  /** `makedumpfile -d 31 -z`; bytes. */
  readonly bytes: number;
  /** `makedumpfile -d 17 -z`; bytes. */
  readonly wholeBytes: number;
  readonly version: string;
  readonly zstdLevel: number;
}

/** The memory of a parked OS, copied to `image`, as a crash dump of it would be stored. Home runs. */
export async function measureMakedumpfile(
  machine: LabMachine,
  os: string,
  image: OsImage,
): Promise<MakedumpfileSizes> {
  const home = homeOf(machine.spec).name;
  await machine.switchTo(os);
  const location = parseVmcoreinfoLocation(await machine.run(['cat', '/sys/kernel/vmcoreinfo']));
  // Of /proc/kcore only the headers, which say where the kernel sees its memory.
  const kcore = await machine.run(['sh', '-c', 'head -c 4096 /proc/kcore | base64']);
  await machine.switchTo(home);
  const core = join(machine.state.directory, 'makedumpfile-core');
  const out = join(machine.state.directory, 'makedumpfile-out');
  try {
    const plan = decodePlanArguments(homeOf(machine.spec).kernelArguments.join(' '))!;
    const slot = plan.slots.find(
      ({ index }) => index === machine.spec.oses.find(({ name }) => name === os)!.number,
    )!;
    const note = readAt(image.files.memory, location.address - slot.memory.start, location.sizeBytes);
    const header = encodeCoreHeader(Buffer.from(kcore, 'base64'), note, [slot.low, slot.memory]);
    await writeCore(core, header, [image.files.low, image.files.memory]);
    const packages = await unpackPackages(PACKAGES, () => {}, 'trixie');
    const run = async (...args: string[]): Promise<string> => {
      const libraries = join(packages.directory, LIBRARIES);
      const program = join(packages.directory, 'usr/bin/makedumpfile');
      const loader = ['--inhibit-cache', '--library-path', libraries, program];
      return (await runProcess(join(libraries, 'ld-linux-x86-64.so.2'), [...loader, ...args])).stdout;
    };
    const measure = async (level: number): Promise<number> => {
      rmSync(out, { force: true });
      await run('-z', '-d', String(level), core, out);
      return statSync(out).size;
    };
    const version = packages.versions.find((each) => each.startsWith('makedumpfile='))!;
    return {
      bytes: await measure(LEVELS.all),
      wholeBytes: await measure(LEVELS.whole),
      version: version.slice('makedumpfile='.length),
      zstdLevel: ZSTD_LEVEL,
    };
  } finally {
    for (const file of [core, out]) rmSync(file, { force: true });
  }
}

function readAt(file: string, offset: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  const open = openSync(file, 'r');
  readSync(open, bytes, 0, sizeBytes, offset);
  closeSync(open);
  return bytes;
}

async function writeCore(file: string, header: Buffer, parts: readonly string[]): Promise<void> {
  await pipeline([header], createWriteStream(file));
  for (const part of parts) await pipeline(createReadStream(part), createWriteStream(file, { flags: 'a' }));
}
