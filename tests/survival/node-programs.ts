import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { bundleScript } from '../support/bundle-script.ts';
import { GUEST_PROGRAMS } from './guest/registry.ts';
import { type GuestOs, RAM } from './guest-os.ts';
import { startScript } from './process.ts';
import {
  ANY_OS,
  type Facts,
  requireGrown,
  requireSame,
  SurvivalError,
  type SurvivalProgram,
} from './program.ts';

const DIRECTORY = `${RAM}/node`;
/** Little memory for objects: an OS may have 256 MiB for all. */
const NODE = '/opt/torpor/bin/node --max-semi-space-size=1 --max-old-space-size=32';

let bundle: Promise<string> | undefined;

/** Starts the process that hosts the guest programs, once in each life of an OS. */
async function ensureHost(os: GuestOs): Promise<void> {
  if ((await os.sh(`[ -p ${DIRECTORY}/requests ] && echo there || echo no`)) === 'there') return;
  bundle ??= bundleScript(join(import.meta.dirname, 'guest/main.ts'));
  await os.sh(`mkdir -p ${DIRECTORY}; ln -sfn /opt/torpor/node_modules ${DIRECTORY}/node_modules`);
  await os.write(`${DIRECTORY}/main.mjs`, await bundle);
  await os.sh(`mkfifo ${DIRECTORY}/requests`);
  await startScript(os, 'node', `exec ${NODE} ${DIRECTORY}/main.mjs ${DIRECTORY}`);
}

/** Programs are prepared side by side: the first one starts the process, the others wait for it. */
const starting = new WeakMap<GuestOs, Promise<void>>();

async function startHostOnce(os: GuestOs): Promise<void> {
  const start = starting.get(os) ?? ensureHost(os);
  starting.set(os, start);
  await start;
}

async function ask(os: GuestOs, op: 'start' | 'check', id: string, nonce?: string): Promise<Facts> {
  const token = randomUUID();
  const request = Buffer.from(`${JSON.stringify({ op, id, token, nonce })}\n`);
  const file = `${DIRECTORY}/answer-${token}`;
  const text = await os.sh(
    `timeout 20 sh -c 'cat >${DIRECTORY}/requests'
     i=0; until [ -e ${file} ]; do i=$((i + 1)); [ $i -lt 600 ] || { tail ${RAM}/node.log; exit 1; }; sleep 0.1; done
     cat ${file}; rm ${file}`,
    { stdin: request },
  );
  const answer = JSON.parse(text) as { facts?: Facts; error?: string };
  if (answer.facts === undefined) throw new SurvivalError(`${id} in ${os.name}: ${answer.error}`);
  return answer.facts;
}

/** Each guest program as a survival program: what it reports stays the same, but `ticks` grows. */
export const nodePrograms: readonly SurvivalProgram[] = GUEST_PROGRAMS.map(({ id, doc }) => ({
  id,
  doc,
  needs: ANY_OS,
  prepare: async (os) => {
    await startHostOnce(os);
    return await ask(os, 'start', id, randomUUID());
  },
  verify: async (os, facts) => {
    const now = await ask(os, 'check', id);
    for (const [name, value] of Object.entries(facts)) {
      if (name === 'ticks') requireGrown(`${id} in ${os.name}`, Number(value), Number(now.ticks));
      else requireSame(`${name} of ${id} in ${os.name}`, value, now[name]!);
    }
    return now;
  },
}));
