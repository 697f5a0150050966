import { randomUUID } from 'node:crypto';
import { constants, createReadStream, openSync, readFileSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { EchoConnection } from './echo.ts';
import { WitnessFiles } from './files.ts';
import { KernelLog, readMemoryKib } from './kernel-log.ts';
import { WitnessMemory } from './memory.ts';
import type { WitnessReport, WitnessSettings } from './report.ts';

/**
 * Runs inside every OS of a soak. It holds what only RAM holds (a nonce, ticks, a large buffer, a
 * connection), keeps files on the disk, verifies all of it without end, and answers each line of
 * the fifo `ask` with a report on the fifo `answer`.
 */
const TICK_MS = 50;
/** 64 KiB chunks of memory looked at in each tick. */
const CHUNKS_PER_TICK = 4;
const FILE_PAUSE_MS = 200;

const settings = JSON.parse(process.argv[2]!) as WitnessSettings;
const nonce = randomUUID();
const memory = new WitnessMemory(settings.memoryMib * 1024 * 1024);
const files = new WitnessFiles(settings.fileDirectory, settings.fileCount, settings.fileKib * 1024);
const echo = new EchoConnection();
const log = new KernelLog();
const damage: string[] = [];
let ticks = 0;
let nextTick = Promise.withResolvers<void>();

function tick(): void {
  ticks += 1;
  damage.push(...memory.step(CHUNKS_PER_TICK));
  echo.send();
  nextTick.resolve();
  nextTick = Promise.withResolvers();
}

async function churnFiles(): Promise<never> {
  for (;;) {
    damage.push(...(await files.step()));
    await new Promise((resolve) => setTimeout(resolve, FILE_PAUSE_MS));
  }
}

/** The answer is given after a tick that came after the question: timers work. */
async function report(id: string): Promise<WitnessReport> {
  const started = performance.now();
  damage.push(...memory.verify(), ...(await files.verify()));
  await nextTick.promise;
  return {
    id,
    os: settings.os,
    nonce,
    ticks,
    echoes: echo.received,
    damage: [...damage.splice(0), ...echo.damage.splice(0)],
    complaints: log.readComplaints(),
    tainted: Number(readFileSync('/proc/sys/kernel/tainted', 'utf8')),
    memFreeKib: readMemoryKib('MemFree'),
    memAvailableKib: readMemoryKib('MemAvailable'),
    realTimeMs: Date.now(),
    checkMs: performance.now() - started,
  };
}

await echo.open();
setInterval(tick, TICK_MS);
churnFiles().catch((error) => damage.push(`files: ${error}`));
// Open for both directions: no end of file when whoever asked closes its end.
const answer = openSync(`${settings.fifos}/answer`, constants.O_RDWR);
const ask = createReadStream('', { fd: openSync(`${settings.fifos}/ask`, constants.O_RDWR) });
for await (const id of createInterface({ input: ask })) {
  writeSync(answer, `${JSON.stringify(await report(id))}\n`);
}
