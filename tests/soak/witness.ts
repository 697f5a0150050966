import { join } from 'node:path';
import { z } from 'zod';
import type { LabMachine } from '../../lab/machine/lab-machine.ts';
import type { OsSpec } from '../../lab/machine/machine-spec.ts';
import { MIB } from '../../src/base/units.ts';
import { bundleScript } from '../support/bundle-script.ts';
import type { WitnessReport, WitnessSettings } from './guest/report.ts';

const PLACE = '/run/torpor-soak';
const NODE = '/opt/torpor/bin/node';
const START_MS = 120_000;
const CHECK_MS = 60_000;

/** An OS with less memory than this gets a smaller witness. */
const SMALL_OS_BYTES = 384 * MIB;

/** New processes all the time: they are born and die while the kernel freezes the tasks. */
const CPU_LOAD = 'while :; do i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); done; /bin/true; done';

const INSTALL = `set -e
rm -rf ${PLACE}; mkdir -p ${PLACE}
mkfifo ${PLACE}/ask ${PLACE}/answer
cat >${PLACE}/witness.mjs`;

const START = `cd ${PLACE}
setsid ${NODE} witness.mjs "$1" </dev/null >log 2>&1 &
setsid sh -c '${CPU_LOAD}' </dev/null >/dev/null 2>&1 &`;

/** Answers of a question that timed out are passed over. */
const ASK = `echo "$1" >${PLACE}/ask
while read -r line <${PLACE}/answer; do
	case $line in *'"id":"'"$1"'"'*) printf '%s\\n' "$line"; exit 0 ;; esac
done`;

const reportSchema = z.object({
  id: z.string(),
  os: z.string(),
  nonce: z.string(),
  ticks: z.number(),
  echoes: z.number(),
  damage: z.array(z.string()),
  complaints: z.array(z.string()),
  tainted: z.number(),
  memFreeKib: z.number(),
  memAvailableKib: z.number(),
  realTimeMs: z.number(),
  checkMs: z.number(),
}) satisfies z.ZodType<WitnessReport>;

let questions = 0;

/** The witness as one program for an OS without anything installed. */
export async function bundleWitness(): Promise<Buffer> {
  return Buffer.from(await bundleScript(join(import.meta.dirname, 'guest/witness.ts')));
}

/** Starts the witness and its load in the OS that runs now, and returns its first report. */
export async function startWitness(machine: LabMachine, os: OsSpec, program: Buffer): Promise<WitnessReport> {
  const isSmall = os.memoryBytes < SMALL_OS_BYTES;
  const settings: WitnessSettings = {
    os: os.name,
    memoryMib: isSmall ? 16 : 32,
    fileKib: isSmall ? 512 : 2048,
    fileCount: 4,
    fileDirectory: '/var/lib/torpor-soak',
    fifos: PLACE,
  };
  await machine.run(['sh', '-c', INSTALL], { os: os.name, stdin: program });
  await machine.run(['sh', '-c', START, 'sh', JSON.stringify(settings)]);
  return await askWitness(machine, START_MS);
}

/** Has the witness of the running OS verify everything. Throws E_TIMEOUT, E_LAB_COMMAND. */
export async function askWitness(machine: LabMachine, timeoutMs = CHECK_MS): Promise<WitnessReport> {
  questions += 1;
  const answer = await machine.run(['sh', '-c', ASK, 'sh', `${process.pid}-${questions}`], { timeoutMs });
  return reportSchema.parse(JSON.parse(answer));
}
