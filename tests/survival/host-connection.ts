import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type GuestOs, RAM } from './guest-os.ts';
import { ANY_OS, requireSame, SurvivalError, type SurvivalProgram } from './program.ts';

const PROGRAM = `while read -r word; do count=$((count + 1)); echo "$word $count $$"; done`;
const ANSWER_MS = 60_000;

/** One end of the connection is a process on the host, so this one is only for the host's lifetime. */
const connections = new Map<string, { ssh: ChildProcess; lines: AsyncIterator<string> }>();

async function* linesOf(stream: NodeJS.ReadableStream): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop()!;
    yield* lines;
  }
}

function open(os: GuestOs): { ssh: ChildProcess; lines: AsyncIterator<string> } {
  const { port, key } = os.machine.sshOf(os.name)!;
  const options = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=ERROR',
    'BatchMode=yes',
  ];
  const args = [
    ...['-i', key, '-p', String(port), ...options.flatMap((option) => ['-o', option])],
    ...['root@127.0.0.1', PROGRAM],
  ];
  const ssh = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  return { ssh, lines: linesOf(ssh.stdout!) };
}

async function say(os: GuestOs, word: string): Promise<string> {
  const { ssh, lines } = connections.get(os.name)!;
  ssh.stdin!.write(`${word}\n`);
  const stop = new AbortController();
  const late = once(stop.signal, 'abort').then(() => ({ value: undefined }));
  const timer = setTimeout(() => stop.abort(), ANSWER_MS);
  const { value } = await Promise.race([lines.next(), late]);
  clearTimeout(timer);
  if (value === undefined) throw new SurvivalError(`the SSH session of ${os.name} does not answer`);
  return String(value);
}

export const hostConnection: SurvivalProgram = {
  id: 'host-connection',
  doc: 'an SSH session from outside the machine that stays open while its OS is parked',
  needs: ANY_OS,
  isReachedFromOutside: true,
  prepare: async (os) => {
    connections.get(os.name)?.ssh.kill();
    connections.set(os.name, open(os));
    const nonce = randomUUID();
    const [, , shell] = (await say(os, nonce)).split(' ');
    await os.sh(`: >${RAM}/host-connection`);
    return { nonce, count: 1, shell: shell! };
  },
  verify: async (os, facts) => {
    const count = Number(facts.count) + 1;
    requireSame(
      `the SSH session of ${os.name}`,
      `${facts.nonce} ${count} ${facts.shell}`,
      await say(os, String(facts.nonce)),
    );
    return { ...facts, count };
  },
  finish: async (os) => {
    connections.get(os.name)?.ssh.stdin?.end();
    connections.delete(os.name);
  },
};
