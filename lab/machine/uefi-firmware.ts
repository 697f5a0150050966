import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { TorporError } from '../../src/base/errors.ts';

const DIRECTORY = '/usr/share/OVMF';
/** Code and variables belong together; Debian 13 has only the 4 MiB pair. */
const PAIRS = [
  ['OVMF_CODE_4M.fd', 'OVMF_VARS_4M.fd'],
  ['OVMF_CODE.fd', 'OVMF_VARS.fd'],
] as const;

/** Gives a machine UEFI variables of its own, in `varsFile`, and returns both files. Throws E_LAB_MISSING. */
export function installUefiFirmware(varsFile: string): { code: string; vars: string } {
  for (const [code, vars] of PAIRS.map((pair) => pair.map((name) => join(DIRECTORY, name)))) {
    if (!existsSync(code!) || !existsSync(vars!)) continue;
    copyFileSync(vars!, varsFile);
    return { code: code!, vars: varsFile };
  }
  throw new TorporError('E_LAB_MISSING', `there is no UEFI firmware in ${DIRECTORY}`, {
    facts: { directory: DIRECTORY },
    hint: 'install it: apt-get install ovmf',
  });
}
