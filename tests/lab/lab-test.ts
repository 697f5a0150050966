import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Lab } from './fixture.ts';

const MINUTE = 60_000;

/** A part of the lab's tests: it defines tests that use the machine one after the other. */
export interface Suite {
  readonly name: string;
  define(lab: Lab): void;
}

/**
 * A test on the shared machine. When it fails, everything that explains it is kept, and the
 * machine is brought back to where home runs and every guest is parked, for the next test.
 */
export function labTest(lab: Lab, name: string, action: () => Promise<void>, minutes = 10): void {
  test(name, { timeout: (minutes + 4) * MINUTE }, async () => {
    try {
      await withDeadline(minutes * MINUTE, action);
    } catch (error) {
      await keepEvidence(lab, name, error);
      await lab.settle();
      throw error;
    }
  });
}

/** An own limit within the test's: evidence is kept also of what hangs. */
async function withDeadline(ms: number, action: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not end within ${ms / 1000} s`)), ms);
  });
  try {
    await Promise.race([action(), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function keepEvidence(lab: Lab, name: string, error: unknown): Promise<void> {
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
  const directory = join(
    lab.state.directory,
    'evidence',
    `${stamp}-${name.replaceAll(/\W+/g, '-').slice(0, 60)}`,
  );
  mkdirSync(directory, { recursive: true });
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  writeFileSync(join(directory, 'failure.txt'), `${name}\n\n${text}\n`);
  await lab.machine.evidence(directory).catch((cause) => console.log(`no evidence: ${cause}`));
  // Of the OS that runs; one that hangs does not answer.
  for (const [file, argv] of Object.entries(QUESTIONS)) {
    const output = await lab
      .exec(argv, { timeoutMs: 20_000 })
      .catch((cause) => ({ stdout: String(cause), stderr: '' }));
    writeFileSync(join(directory, file), `${output.stdout}${output.stderr}`);
  }
  console.log(`evidence of the failure: ${directory}`);
  console.log(`start the same machine by hand: ${join(directory, 'replay.sh')}`);
  console.log(
    `run this test again: scripts/with-node --test --test-name-pattern='${name}' tests/lab/all.test.ts`,
  );
}

const QUESTIONS: Readonly<Record<string, readonly string[]>> = {
  'dmesg.txt': ['dmesg'],
  'status.json': ['/opt/torpor/bin/torpor', 'status', '--json'],
  'processes.txt': ['sh', '-c', 'ps axo pid,ppid,stat,wchan:24,etime,args || ps'],
};
