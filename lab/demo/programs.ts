import { TorporError } from '../../src/base/errors.ts';
import type { LabMachine } from '../machine/lab-machine.ts';

/** A real program that runs in one OS of the demonstration and can tell how far it is. */
export interface DemoProgram {
  readonly os: string;
  readonly title: string;
  /** What is counted, in the plural. */
  readonly unit: string;
  /** A script that starts it and leaves it running; null when the OS starts it by itself. */
  readonly start: string | null;
  /** A script that prints `IDENTITY COUNT`; the identity is lost when the program starts anew. */
  readonly read: string;
  /** What the identity is. */
  readonly proof: string;
}

/** A database under load: every transaction adds a row, the clients keep their connections. */
const DATABASE: DemoProgram = {
  os: 'debian12',
  title: 'PostgreSQL under pgbench',
  unit: 'transactions',
  start: `until pg_isready -q; do sleep 1; done
cd / && su postgres -c 'createdb demo && pgbench --initialize --quiet demo >/dev/null 2>&1'
setsid su postgres -c 'exec pgbench --client=2 --time=1000000 demo' </dev/null >/dev/null 2>&1 &`,
  read: `cd / && su postgres -c "psql --no-align --tuples-only --field-separator=' ' demo" <<'SQL'
SELECT md5(string_agg(pid || ' ' || backend_start, ',' ORDER BY pid)), (SELECT count(*) FROM pgbench_history)
FROM pg_stat_activity WHERE application_name = 'pgbench'
SQL`,
  proof: 'open connections of its clients',
};

/** gcc, one process after the other; the shell that calls it holds a nonce and the count. */
const COMPILER: DemoProgram = {
  os: 'debian13',
  title: 'gcc, again and again',
  unit: 'compilations',
  start: `mkdir -p /run/demo && cd /run/demo
cat >program.c <<'C'
#include <stdio.h>
int main(void) { for (int i = 0; i < 10; i++) printf("%d\\n", i * i); return 0; }
C
setsid sh -c 'nonce=$(cat /proc/sys/kernel/random/uuid); n=0
while gcc -O2 -o program program.c && ./program >/dev/null; do
	n=$((n + 1)); echo "$nonce $n" >state.new; mv state.new state
done' </dev/null >log 2>&1 &`,
  read: 'cat /run/demo/state',
  proof: 'nonce in its shell',
};

/** The tiny OS counts from its start on. */
const COUNTER: DemoProgram = {
  os: 'tiny',
  title: 'a shell that counts',
  unit: 'ticks',
  start: null,
  read: 'cat /run/counter',
  proof: 'nonce in its shell',
};

export const PROGRAMS: readonly DemoProgram[] = [COUNTER, DATABASE, COMPILER];

/** How far a program is. */
export interface ProgramState {
  readonly identity: string;
  readonly count: number;
}

const START_MS = 300_000;
const READ_MS = 60_000;
/** A compiler on an emulated processor takes its time for the first result. */
const FIRST_RESULT_TRIES = 60;

/** Starts the program in the OS that runs now, and waits for its first result. */
export async function startProgram(machine: LabMachine, program: DemoProgram): Promise<ProgramState> {
  const { os, start, read } = program;
  if (start !== null) await machine.run(['sh', '-c', `set -e\n${start}`], { os, timeoutMs: START_MS });
  const wait = `i=0; until { ${read}\n} 2>/dev/null | grep -q ' [1-9]'; do
	i=$((i + 1)); [ $i -lt ${FIRST_RESULT_TRIES} ] || exit 1; sleep 1
done`;
  await machine.run(['sh', '-c', wait], { os, timeoutMs: START_MS });
  return await readProgram(machine, program);
}

/** Asks the program of the OS that runs now. Throws E_LAB_COMMAND. */
export async function readProgram(machine: LabMachine, program: DemoProgram): Promise<ProgramState> {
  const text = (await machine.run(['sh', '-c', program.read], { timeoutMs: READ_MS })).trim();
  const [identity, count] = text.split(' ');
  if (identity !== undefined && identity !== '' && Number(count) > 0)
    return { identity, count: Number(count) };
  throw new TorporError('E_LAB_COMMAND', `“${program.title}” in ${program.os} does not run any more`, {
    facts: { os: program.os, said: text },
    hint: 'look with `bin/torpor lab console`',
  });
}
