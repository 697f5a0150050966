import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { asyncFailure } from '../base/errors.fixture.ts';
import { runProgram } from './exec.ts';
import { OUTPUT_CHUNK_BYTES } from './protocol.ts';

type Request = Omit<Parameters<typeof runProgram>[0], 'id' | 'op'>;

async function run(request: Request, input: (string | Buffer)[] = [], abort = new AbortController().signal) {
  const output = { 1: '', 2: '' };
  const sizes: number[] = [];
  const end = await runProgram(
    { id: 1, op: 'exec', ...request },
    Readable.from(input),
    abort,
    async (out, stream) => {
      const bytes = Buffer.from(out, 'base64');
      sizes.push(bytes.length);
      output[stream] += bytes.toString('latin1');
    },
  );
  return { ...end, out: output[1], err: output[2], sizes };
}
const sh = (script: string): Request => ({ argv: ['/bin/sh', '-c', script] });

test('a program runs in / and gives its output, errors and exit status', async () => {
  const { out, err, exit, signal } = await run(sh('pwd; echo no >&2; exit 3'));
  assert.deepEqual({ out, err, exit, signal }, { out: '/\n', err: 'no\n', exit: 3, signal: null });
});

test('a program reads its input', async () => {
  const { out } = await run({ argv: ['/bin/cat'] }, ['a\0', 'b\n']);
  assert.equal(out, 'a\0b\n');
});

test('a program may leave its input unread', async () => {
  assert.equal((await run({ argv: ['/bin/true'] }, [Buffer.alloc(1_000_000)])).exit, 0);
});

test('long output comes whole, in small pieces', async () => {
  const { out, sizes } = await run(sh('i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done'));
  assert.equal(out, Array.from({ length: 3000 }, (_, i) => `${i}\n`).join(''));
  assert.ok(Math.max(...sizes) <= OUTPUT_CHUNK_BYTES);
});

test('a program that does not end is ended by its timeout or by a cancel', async () => {
  assert.equal((await run({ argv: ['/bin/sleep', '30'], timeoutMs: 50 })).signal, 'SIGTERM');
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 50);
  assert.equal((await run({ argv: ['/bin/sleep', '30'] }, [], abort.signal)).signal, 'SIGTERM');
});

test('a program that cannot be started is E_USAGE', async () => {
  const missing = await asyncFailure('E_USAGE', run({ argv: ['/no/such/program'] }));
  assert.match(missing.message, /ENOENT/);
  assert.match((await asyncFailure('E_USAGE', run({ argv: ['/etc/passwd'] }))).message, /EACCES/);
});
