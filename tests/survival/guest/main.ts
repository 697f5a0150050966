/** Runs inside an OS: starts and questions the guest programs as the lines of a FIFO say. */
import { createReadStream, mkdirSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { GuestFacts } from './guest-program.ts';
import { GUEST_PROGRAMS } from './registry.ts';

interface Request {
  readonly op: 'start' | 'check';
  readonly id: string;
  /** Names the answer's file. */
  readonly token: string;
  readonly nonce?: string;
}

const directory = process.argv[2]!;
/** What each program was given and how it is looked at. Only here, in RAM. */
const running = new Map<string, { nonce: string; check(): Promise<GuestFacts> }>();

async function carryOut({ op, id, nonce }: Request): Promise<GuestFacts> {
  if (op === 'start') {
    const program = GUEST_PROGRAMS.find((each) => each.id === id)!;
    const own = `${directory}/${id}`;
    mkdirSync(own, { recursive: true });
    running.set(id, { nonce: nonce!, check: await program.start({ nonce: nonce!, directory: own }) });
  }
  const found = running.get(id);
  if (found === undefined) throw new Error(`${id} was never started in this process`);
  return { nonce: found.nonce, ...(await found.check()) };
}

async function answer(request: Request): Promise<void> {
  const result = await carryOut(request).then(
    (facts) => ({ facts }),
    (error: unknown) => ({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
  const path = `${directory}/answer-${request.token}`;
  writeFileSync(`${path}.new`, JSON.stringify(result));
  renameSync(`${path}.new`, path);
}

// Open for writing too: the FIFO never ends.
const fd = openSync(`${directory}/requests`, 'r+');
for await (const line of createInterface({ input: createReadStream('', { fd }) })) {
  if (line !== '') void answer(JSON.parse(line));
}
