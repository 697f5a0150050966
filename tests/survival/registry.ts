import { compilation } from './compilation.ts';
import { computation } from './computation.ts';
import { editor } from './editor.ts';
import { growingFile } from './growing-file.ts';
import type { GuestOs } from './guest-os.ts';
import { hostConnection } from './host-connection.ts';
import { nodePrograms } from './node-programs.ts';
import { nonce } from './nonce.ts';
import { pipeInFlight } from './pipe-in-flight.ts';
import { postgres } from './postgres.ts';
import type { SurvivalProgram } from './program.ts';
import { python } from './python.ts';
import { sleepingTimer } from './sleeping-timer.ts';
import { sqlite } from './sqlite.ts';
import { tmpfsFile } from './tmpfs-file.ts';
import { unlinkedFile } from './unlinked-file.ts';

/** Every survival program. */
export const SURVIVAL_PROGRAMS: readonly SurvivalProgram[] = [
  nonce,
  tmpfsFile,
  unlinkedFile,
  growingFile,
  pipeInFlight,
  sleepingTimer,
  computation,
  ...nodePrograms,
  python,
  sqlite,
  postgres,
  compilation,
  editor,
  hostConnection,
];

/** Those that can run in this OS. */
export function programsFor(os: GuestOs): readonly SurvivalProgram[] {
  return SURVIVAL_PROGRAMS.filter((program) => whyNot(program, os) === null);
}

/** A program that cannot run in an OS. */
export interface SkippedProgram {
  readonly id: string;
  readonly reason: string;
}

/** All others, each with its reason. */
export function skippedPrograms(os: GuestOs): readonly SkippedProgram[] {
  return SURVIVAL_PROGRAMS.flatMap((program) => {
    const reason = whyNot(program, os);
    return reason === null ? [] : [{ id: program.id, reason }];
  });
}

function whyNot({ needs, isReachedFromOutside }: SurvivalProgram, { kind, machine, name }: GuestOs) {
  if (!needs.includes(kind)) return `it is for ${needs.join(' and ')}, and this is ${kind}`;
  if (isReachedFromOutside === true && machine.sshOf(name) === null) return 'the machine has no network';
  return null;
}
