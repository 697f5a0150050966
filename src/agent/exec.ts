import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { TorporError } from '../base/errors.ts';
import { type AgentRequest, OUTPUT_CHUNK_BYTES } from './protocol.ts';

type ExecRequest = Extract<AgentRequest, { op: 'exec' }>;

/** How a program ended. */
export interface ProgramEnd {
  readonly exit: number | null;
  readonly signal: string | null;
  /** Bytes of output that were passed on, so that the other end knows whether it has them all. */
  readonly outBytes: number;
  readonly errBytes: number;
}

/** base64 of a piece of the program's output, and which stream it came from. */
type Emit = (out: string, stream: 1 | 2) => Promise<void>;

/** Runs a program and passes its output on piece by piece, in order. Throws E_USAGE when it cannot be started. */
export async function runProgram(
  request: ExecRequest,
  input: Readable,
  abort: AbortSignal,
  emit: Emit,
): Promise<ProgramEnd> {
  const [program, ...rest] = request.argv;
  const child = spawn(program!, rest, {
    stdio: 'pipe',
    signal: abort,
    cwd: '/',
    env: {
      ...process.env,
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: '/root',
      TERM: 'dumb',
    },
    ...(request.timeoutMs === undefined ? {} : { timeout: request.timeoutMs }),
  });
  const ended = new Promise<Pick<ProgramEnd, 'exit' | 'signal'>>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (error.name === 'AbortError') return;
      reject(
        new TorporError('E_USAGE', `cannot run ${program}: ${error.code ?? error.message}`, {
          facts: { program: program! },
        }),
      );
    });
    child.once('close', (exit, signal) => resolve({ exit, signal }));
  });
  // A program that ends early closes its input: that is its right.
  child.stdin.on('error', () => {});
  input.pipe(child.stdin);
  const drain = async (stream: AsyncIterable<Buffer>, number: 1 | 2): Promise<number> => {
    let bytes = 0;
    for await (const chunk of stream) {
      bytes += chunk.length;
      for (let at = 0; at < chunk.length; at += OUTPUT_CHUNK_BYTES) {
        await emit(chunk.subarray(at, at + OUTPUT_CHUNK_BYTES).toString('base64'), number);
      }
    }
    return bytes;
  };
  const [end, outBytes, errBytes] = await Promise.all([
    ended,
    drain(child.stdout, 1),
    drain(child.stderr, 2),
  ]);
  return { ...end, outBytes, errBytes };
}
