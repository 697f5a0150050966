import { randomUUID } from 'node:crypto';
import { DISK } from './guest-os.ts';
import { requireProcess } from './process.ts';
import { DEBIAN, requireSame, type SurvivalProgram } from './program.ts';
import { askSession, startSession } from './sql-session.ts';

const FILE = `${DISK}/transaction.db`;
const OUTSIDE = `sqlite3 ${FILE} 'select count(*) from t'`;
const look = (mark: string): string =>
  `select '${mark} ' || count(*) || ' ' || min(nonce) || ' ' || max(nonce) from t;`;

export const sqlite: SurvivalProgram = {
  id: 'sqlite',
  doc: 'an SQLite session in the middle of a transaction: only it sees its rows',
  needs: DEBIAN,
  prepare: async (os) => {
    const nonce = randomUUID();
    await os.sh(`rm -f ${FILE}*; sqlite3 ${FILE} 'create table t (nonce text)'`);
    const process = await startSession(os, 'sqlite', `sqlite3 -batch ${FILE}`);
    const begin = `begin immediate; insert into t values ('${nonce}');`;
    await askSession(os, 'sqlite', `${begin} ${look('begun')}`, 'begun');
    return { ...process, nonce, rows: 1 };
  },
  verify: async (os, facts) => {
    await requireProcess(os, 'sqlite', facts);
    requireSame(`the rows that others see in ${os.name}`, '0', await os.sh(OUTSIDE));
    const rows = Number(facts.rows) + 1;
    const insert = `insert into t values ('${facts.nonce}');`;
    const mark = `row${rows}`;
    const seen = await askSession(os, 'sqlite', `${insert} ${look(mark)}`, mark);
    requireSame(`the open transaction in ${os.name}`, `${rows} ${facts.nonce} ${facts.nonce}`, seen);
    return { ...facts, rows };
  },
  finish: async (os, facts) => {
    await askSession(os, 'sqlite', `commit; ${look('done')}`, 'done');
    requireSame(`the committed rows in ${os.name}`, String(facts.rows), await os.sh(OUTSIDE));
    requireSame(`the database in ${os.name}`, 'ok', await os.sh(`sqlite3 ${FILE} 'pragma integrity_check'`));
  },
};
