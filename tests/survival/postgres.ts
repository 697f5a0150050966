import { randomUUID } from 'node:crypto';
import { requireProcess } from './process.ts';
import { requireSame, type SurvivalProgram } from './program.ts';
import { askSession, startSession } from './sql-session.ts';

const PSQL = "setpriv --reuid postgres --regid postgres --clear-groups psql -X -q -A -t -F ' ' postgres";
const OUTSIDE = `cd /; ${PSQL} -c 'select count(*) from survival'`;
/** Who answers: the server process and its transaction. */
const look = (mark: string): string =>
  `select '${mark}', count(*), min(nonce), pg_backend_pid(), txid_current() from survival;`;

export const postgres: SurvivalProgram = {
  id: 'postgres',
  doc: 'a PostgreSQL server with a connection in the middle of a transaction',
  needs: ['debian12'],
  prepare: async (os) => {
    const nonce = randomUUID();
    const ready = `i=0; until ${PSQL} -c 'select 1' >/dev/null 2>&1; do
      i=$((i + 1)); [ $i -lt 120 ] || exit 1; sleep 1; done`;
    await os.sh(
      `cd /; ${ready}; ${PSQL} -c 'drop table if exists survival; create table survival (nonce text)'`,
      {
        timeoutMs: 300_000,
      },
    );
    const process = await startSession(os, 'postgres', `env -C / ${PSQL}`);
    const begin = `begin; insert into survival values ('${nonce}');`;
    const seen = await askSession(os, 'postgres', `${begin} ${look('begun')}`, 'begun');
    const [, , backend, transaction] = seen.split(' ');
    return { ...process, nonce, rows: 1, backend: backend!, transaction: transaction! };
  },
  verify: async (os, facts) => {
    await requireProcess(os, 'postgres', facts);
    requireSame(`the rows that others see in ${os.name}`, '0', await os.sh(OUTSIDE));
    const rows = Number(facts.rows) + 1;
    const insert = `insert into survival values ('${facts.nonce}');`;
    const mark = `row${rows}`;
    const seen = await askSession(os, 'postgres', `${insert} ${look(mark)}`, mark);
    const wanted = `${rows} ${facts.nonce} ${facts.backend} ${facts.transaction}`;
    requireSame(`the open transaction in ${os.name}`, wanted, seen);
    return { ...facts, rows };
  },
  finish: async (os, facts) => {
    await askSession(os, 'postgres', `commit; ${look('done')}`, 'done');
    requireSame(`the committed rows in ${os.name}`, String(facts.rows), await os.sh(OUTSIDE));
  },
};
