import type { GuestOs } from './guest-os.ts';
import { SurvivalError } from './program.ts';

const TRIES = 400;
const PAUSE_S = 0.3;

/**
 * Waits until a shell command prints another line than `before`, or than at first, and returns
 * that line: the program goes on now. How fast it does is no question of survival: beside others,
 * an emulated processor takes more than a second for a step of a fifth. Throws SurvivalError when
 * it stands still for two minutes.
 */
export async function waitForProgress(
  os: GuestOs,
  what: string,
  look: string,
  before?: string | number,
): Promise<string> {
  const [first, now] = (
    await os.sh(`first=${before === undefined ? `$(${look})` : `'${before}'`}
      i=0; while now=$(${look}); [ "$now" = "$first" ]; do
        i=$((i + 1)); [ $i -lt ${TRIES} ] || break; sleep ${PAUSE_S}; done
      echo "$first"; echo "$now"`)
  ).split('\n');
  if (now === first) throw new SurvivalError(`${what} in ${os.name} stands still at ${first}`);
  return now!;
}
