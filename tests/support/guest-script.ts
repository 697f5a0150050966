import { join } from 'node:path';
import type { LabMachine } from '../../lab/machine/lab-machine.ts';
import { bundleScript } from './bundle-script.ts';

const NODE = '/opt/torpor/bin/node';
const DIRECTORY = '/run/test-scripts';
/** A request of the agent has at most 64 KiB, base64 included. */
const PIECE_BYTES = 12_000;

/** Puts a script of this folder into the running OS and returns the command that runs it there. */
export async function installScript(machine: LabMachine, name: 'poke' | 'stuck-reader'): Promise<string[]> {
  const path = `${DIRECTORY}/${name}.mjs`;
  const bytes = Buffer.from(await bundleScript(join(import.meta.dirname, `${name}.ts`)));
  const sh = (script: string, stdin?: Uint8Array) =>
    machine.run(['sh', '-c', script], stdin === undefined ? {} : { stdin });
  // koffi's addon is looked for beside the bundle.
  await sh(`mkdir -p ${DIRECTORY}; ln -sfn /opt/torpor/node_modules ${DIRECTORY}/node_modules; : >${path}`);
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    await sh(`cat >>${path}`, bytes.subarray(at, at + PIECE_BYTES));
  }
  return [NODE, path];
}
