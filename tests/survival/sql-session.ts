import { type GuestOs, RAM } from './guest-os.ts';
import { type ProcessFacts, startScript } from './process.ts';
import { SurvivalError } from './program.ts';

/** Starts a database's command-line client that reads statements from a FIFO as long as it lives. */
export async function startSession(os: GuestOs, id: string, client: string): Promise<ProcessFacts> {
  const script = `rm -f ${RAM}/${id}.sql; mkfifo ${RAM}/${id}.sql; exec ${client} <>${RAM}/${id}.sql >${RAM}/${id}.out 2>&1`;
  const process = await startScript(os, id, script);
  await os.sh(`until [ -p ${RAM}/${id}.sql ]; do sleep 0.1; done`);
  return process;
}

/** Gives the session statements, the last of which prints one line that begins with `mark`; returns the rest of it. */
export async function askSession(os: GuestOs, id: string, sql: string, mark: string): Promise<string> {
  const answer = await os.sh(
    `timeout 20 sh -c 'cat >${RAM}/${id}.sql'
     i=0; until grep -q '^${mark} ' ${RAM}/${id}.out; do
       i=$((i + 1)); [ $i -lt 300 ] || { tail -n 5 ${RAM}/${id}.out; exit 1; }; sleep 0.1; done
     grep '^${mark} ' ${RAM}/${id}.out`,
    { stdin: Buffer.from(`${sql}\n`) },
  );
  const errors = await os.sh(`grep -iE '^(parse |runtime )?error|^fatal' ${RAM}/${id}.out || true`);
  if (errors !== '') throw new SurvivalError(`${id} in ${os.name}: ${errors}`);
  return answer.slice(mark.length + 1);
}
