import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { type GuestProgram, requireEqual, within } from './guest-program.ts';

/** Node's pipes to a child are pairs of Unix sockets. */
export const socketPair: GuestProgram = {
  id: 'socket-pair',
  doc: 'a conversation between two processes over a pair of Unix sockets, with an answer still unread',
  start: async ({ nonce }) => {
    const child = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
    const say = (count: number): string => `${nonce} ${count}\n`;
    let ticks = 0;
    // Nobody reads: the answer waits in the socket until the next look.
    child.stdout.pause();
    child.stdin.write(say(ticks));
    return async () => {
      const heard = await within(20_000, 'the answer of cat', readLine(child.stdout));
      requireEqual('the answer of cat', say(ticks), heard);
      ticks += 1;
      child.stdin.write(say(ticks));
      return { ticks, catPid: child.pid! };
    };
  },
};

async function readLine(stream: Readable): Promise<string> {
  let text = '';
  await new Promise<void>((resolve) => {
    stream.on('data', (chunk) => {
      text += chunk;
      if (text.endsWith('\n')) resolve();
    });
    stream.resume();
  });
  stream.removeAllListeners('data').pause();
  return text;
}
