import type { Sys } from '../sys/sys.ts';

/** Where an OS has programs that are run around a switch, each in a directory of its own. */
export const HOOK_DIRECTORY = '/etc/torpor';
export type HookKind = 'pre-park' | 'post-resume' | 'post-restore';

/** How long one program may take; then it is ended. */
const TIMEOUT_MS = 10_000;
/** As run-parts(8) takes them: no backups, no packages' leftovers. */
const NAME = /^[A-Za-z0-9_-]+$/;

/** What hooks find in their environment. */
export interface HookFacts {
  readonly TORPOR_OS: string;
  /** Before parking: the OS that will run. */
  readonly TORPOR_TO?: string;
  /** After it: the OS that was left for this one. */
  readonly TORPOR_FROM?: string;
  /** How long this OS has stood still, whole seconds. */
  readonly TORPOR_AWAY_SECONDS?: string;
  /** `OS@TAG` */
  readonly TORPOR_SNAPSHOT?: string;
  /** How often that snapshot has been restored by now. */
  readonly TORPOR_GENERATION?: string;
}

/**
 * Runs the executables of `/etc/torpor/KIND.d` in the order of their names. Returns a sentence for
 * each that failed, which is also in the kernel log: a hook never stops a switch.
 */
export function runHooks(sys: Sys, kind: HookKind, facts: HookFacts): string[] {
  const directory = `${HOOK_DIRECTORY}/${kind}.d`;
  const names = listHooks(sys, directory);
  return names.flatMap((name) => {
    const path = `${directory}/${name}`;
    const { status, failure, output } = sys.runProgram(path, { ...facts }, TIMEOUT_MS);
    // Not executable: a README, or a hook that is switched off.
    if (status === 0 || failure === 'EACCES') return [];
    const why =
      failure === 'ETIMEDOUT'
        ? `it took longer than ${TIMEOUT_MS / 1000} s`
        : (failure ?? `status ${status}`);
    const warning = `${path} failed: ${why}${output === '' ? '' : `: ${output.split('\n').at(-1)}`}`;
    logWarning(sys, warning);
    return [warning];
  });
}

function listHooks(sys: Sys, directory: string): string[] {
  try {
    return sys.listDirectory(directory).filter((name) => NAME.test(name));
  } catch {
    return [];
  }
}

function logWarning(sys: Sys, warning: string): void {
  try {
    sys.writeTextFile('/dev/kmsg', `<4>torpor: ${warning}\n`);
  } catch {
    // The log is for people; the caller has the warning too.
  }
}
