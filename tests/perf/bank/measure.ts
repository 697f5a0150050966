import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { LabMachine } from '../../../lab/machine/lab-machine.ts';
import { homeOf } from '../../../lab/machine/machine-spec.ts';
import { PAGE_BYTES } from '../../../src/base/units.ts';
import { BANK } from '../../lab/bank/bank-files.ts';
import { copyOs, type OsImage } from '../../lab/bank/os-image.ts';
import type { BankBenchOptions } from '../options.ts';
import { SAVED_OS } from './config.ts';
import { type MakedumpfileSizes, measureMakedumpfile } from './makedumpfile.ts';
import { DAY, renderChange, START_WORK } from './work.ts';

const COMMAND_MS = 1_800_000;
/** Of the pages that were read at the first snapshot. */
const CHANGED_SHARE = 0.05;
const DAYS = 10;

/** What `torpor snapshot --json` prints, as far as it is used here. */
const savedSchema = z.looseObject({
  readBytes: z.number(),
  storedBytes: z.number(),
  newBytes: z.number(),
  sharedBytes: z.number(),
  zeroBytes: z.number(),
  freeBytes: z.number(),
  stagesMs: z.record(z.string(), z.number()),
  totalMs: z.number(),
  pauseMs: z.number().nullable(),
});
export type Saved = z.infer<typeof savedSchema>;

const restoredSchema = z.looseObject({ stagesMs: z.record(z.string(), z.number()), totalMs: z.number() });

/** Everything that was measured on the machine with the bank. */
export interface BankSamples {
  readonly first: Saved;
  readonly second: Saved;
  /** Pages that were given other content between the two; bytes. */
  readonly changedBytes: number;
  /** From the command in home to its answer, with every stage. */
  readonly restoreMs: number;
  readonly restoreStagesMs: Readonly<Record<string, number>>;
  /** What a switch takes beyond saving: there and back. */
  readonly switchesMs: number;
  readonly dd: DiskTimes;
  /** Of the snapshot's pages as they are in memory and on the disk, without zero and free ones. */
  readonly ddPages: DiskTimes;
  /** Its memory as it was saved alone, as files of the host; to be removed. */
  readonly image: OsImage;
  readonly memory: MakedumpfileSizes;
  /** Bytes that the bank grew by for the memory alone. */
  readonly memoryStoredBytes: number;
  /** Files of a bank with one snapshot, and with ten. */
  readonly oneSnapshotBytes: number;
  readonly tenSnapshotsBytes: number;
  readonly days: readonly Saved[];
}

/** Plain writing and reading of so many bytes on the bank's disk. */
export interface DiskTimes {
  readonly bytes: number;
  readonly writeMs: number;
  readonly readMs: number;
}

/** Measures on a machine on which home runs and nothing is resident. */
export async function measureBank(
  machine: LabMachine,
  options: BankBenchOptions,
  say: (text: string) => void,
): Promise<BankSamples> {
  const home = homeOf(machine.spec).name;
  say(`boot ${SAVED_OS}`);
  await machine.boot(SAVED_OS);
  await machine.switchTo(SAVED_OS);
  await sh(machine, START_WORK);
  await sleep(5_000);

  say('the first snapshot');
  const first = savedSchema.parse(await machine.snapshot(null, { tag: 'first', timeoutMs: COMMAND_MS }));
  say(describe(first));
  const changedBytes = Math.ceil((first.newBytes + first.sharedBytes) * CHANGED_SHARE);
  await sh(machine, renderChange(changedBytes));
  say('the second snapshot');
  const second = savedSchema.parse(await machine.snapshot(null, { tag: 'second', timeoutMs: COMMAND_MS }));
  say(describe(second));
  const switches = [
    await machine.switchTo(home),
    await machine.switchTo(SAVED_OS),
    await machine.switchTo(home),
  ];
  const switchesMs = switches.reduce((sum, { report }) => sum + (report?.totalMs ?? Number.NaN), 0) * (2 / 3);

  say('its memory by makedumpfile');
  const image = await copyOs(machine, SAVED_OS, 'bench');
  const memory = await measureMakedumpfile(machine, SAVED_OS, image);
  const memoryStoredBytes = await measureMemoryAlone(machine);

  say('restore');
  await sh(machine, DROP_CACHES);
  const startedMs = performance.now();
  const restored = restoredSchema.parse(
    await machine.restore(`${SAVED_OS}@second`, { timeoutMs: COMMAND_MS }),
  );
  const restoreMs = performance.now() - startedMs;
  say(`restored in ${Math.round(restoreMs)} ms: ${JSON.stringify(restored.stagesMs)}`);

  say('dd');
  const dd = await measureDisk(machine, first.storedBytes);
  const ddPages = await measureDisk(machine, first.newBytes + first.sharedBytes);

  const { oneSnapshotBytes, tenSnapshotsBytes, days } = await measureDays(
    machine,
    options.quick ? 2 : DAYS,
    say,
  );
  return {
    first,
    second,
    changedBytes,
    restoreMs,
    restoreStagesMs: restored.stagesMs,
    switchesMs,
    dd,
    ddPages,
    image,
    memory,
    memoryStoredBytes,
    oneSnapshotBytes,
    tenSnapshotsBytes,
    days,
  };
}

const DROP_CACHES = 'sync; echo 3 >/proc/sys/vm/drop_caches';

/** In home: writes as many bytes to the bank's filesystem, flushed, and reads them back from the disk. */
async function measureDisk(machine: LabMachine, bytes: number): Promise<DiskTimes> {
  const blocks = Math.ceil(bytes / 65_536);
  const file = `${BANK}/dd`;
  // Zeros are written like all else: the disk is a raw file, and nothing on the way looks for them.
  const script = `set -e; now() { awk '{print $1}' /proc/uptime; }
    ${DROP_CACHES}; a=$(now)
    dd if=/dev/zero of=${file} bs=64k count=${blocks} conv=fsync 2>/dev/null
    b=$(now); ${DROP_CACHES}; c=$(now)
    dd if=${file} of=/dev/null bs=64k 2>/dev/null; d=$(now)
    rm ${file}; echo $a $b $c $d`;
  const [a, b, c, d] = (await sh(machine, script)).split(' ').map(Number);
  return { bytes: blocks * 65_536, writeMs: (b! - a!) * 1000, readMs: (d! - c!) * 1000 };
}

/** A bank of its own, and an OS without disks: what the memory alone takes. */
async function measureMemoryAlone(machine: LabMachine): Promise<number> {
  const entry = `/etc/torpor/os.d/${SAVED_OS}.toml`;
  const bank = `${BANK}/memory-only`;
  await sh(
    machine,
    `cp ${entry} /run/entry; sed -i '/^\\[\\[disks\\]\\]/,$d' ${entry}; torpor bank init --bank ${bank}`,
  );
  try {
    const text = await sh(machine, `torpor snapshot ${SAVED_OS} --tag memory --bank ${bank} --json`);
    return savedSchema.parse(JSON.parse(text)).storedBytes;
  } finally {
    await sh(machine, `cp /run/entry ${entry}; rm -rf ${bank}`);
  }
}

/** A bank of its own for an OS that works from day to day. */
async function measureDays(machine: LabMachine, count: number, say: (text: string) => void) {
  const home = homeOf(machine.spec).name;
  const bank = `${BANK}/days`;
  await sh(machine, `torpor bank init --bank ${bank}`);
  const days: Saved[] = [];
  const sizes: number[] = [];
  for (let day = 1; day <= count; day += 1) {
    await machine.switchTo(SAVED_OS);
    if (day > 1) await sh(machine, DAY);
    await machine.switchTo(home);
    const text = await sh(machine, `torpor snapshot ${SAVED_OS} --tag day-${day} --bank ${bank} --json`);
    const saved = savedSchema.parse(JSON.parse(text));
    days.push(saved);
    // The OCI part: what torpor/ keeps beside it are caches that can be made again.
    sizes.push(
      Number(
        await sh(machine, `du -sk ${bank}/blobs ${bank}/index.json | awk '{s += $1} END {print s * 1024}'`),
      ),
    );
    say(`day ${day}: ${describe(saved)}`);
  }
  await sh(machine, `rm -rf ${bank}`);
  return { oneSnapshotBytes: sizes[0]!, tenSnapshotsBytes: sizes.at(-1)!, days };
}

async function sh(machine: LabMachine, script: string): Promise<string> {
  const path = 'PATH=/opt/torpor/bin:$PATH';
  return (await machine.run(['sh', '-c', `${path}\n${script}`], { timeoutMs: COMMAND_MS })).trim();
}

function describe({ readBytes, newBytes, sharedBytes, storedBytes, pauseMs, totalMs }: Saved): string {
  const pages = (bytes: number): string => `${Math.round(bytes / PAGE_BYTES)} pages`;
  return `${Math.round(pauseMs ?? totalMs)} ms, ${pages(readBytes)} read, ${pages(newBytes)} new, ${pages(sharedBytes)} shared, ${storedBytes} bytes stored`;
}
