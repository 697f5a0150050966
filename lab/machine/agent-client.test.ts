import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  type AgentMessage,
  type AgentRequest,
  encodeLine,
  INPUT_CHUNK_BYTES,
  LineDecoder,
} from '../../src/agent/protocol.ts';
import { execInOs, pingAgent, switchOs } from './agent-calls.ts';
import { type AgentClient, openAgent } from './agent-client.ts';
import { execAway } from './exec-away.ts';
import { newDirectory } from './new-directory.fixture.ts';

type Say = (message: AgentMessage | string) => void;
const REPORT = {
  sequence: 1,
  from: 'a',
  to: 'b',
  mode: 'park',
  totalMs: 61,
  phasesMs: null,
  resumeMs: null,
} as const;

/** An agent port: `answer` gets every request, also repeated ones. */
async function fakeOs(
  t: TestContext,
  answer: (request: AgentRequest, say: Say) => void,
): Promise<AgentClient> {
  const path = join(newDirectory(), 's');
  return await fakeOsAt(path, t, answer);
}

async function fakeOsAt(
  path: string,
  t: TestContext,
  answer: (request: AgentRequest, say: Say) => void,
): Promise<AgentClient> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const decoder = new LineDecoder();
    const say: Say = (m) => socket.write(typeof m === 'string' ? m : encodeLine(m));
    socket.on('data', (bytes) => {
      for (const request of decoder.push(bytes.toString('latin1'))) answer(request as AgentRequest, say);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const agent = await openAgent(path, { retryMs: 50 });
  t.after(() => {
    agent.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return agent;
}

test('one client at a time has the port; the next one waits, but not for ever', async (t) => {
  const path = join(newDirectory(), 's');
  const first = await fakeOsAt(path, t, () => {});
  await assert.rejects(openAgent(path, { patienceMs: 150 }), { code: 'E_LAB_BUSY' });
  setTimeout(() => first.close(), 150);
  (await openAgent(path, { patienceMs: 10_000 })).close();
});

test('execInOs() collects both streams and ignores noise on the line', async (t) => {
  const agent = await fakeOs(t, ({ id }, say) => {
    say({ id, ack: true });
    say('kernel: noise\n\x1e{"id": 7, "trunc\n');
    say({ id, out: Buffer.from('hé').toString('base64'), stream: 1 });
    say({ id, out: Buffer.from('bad').toString('base64'), stream: 2 });
    say({ id, ok: { exit: 3, outBytes: 3, errBytes: 3 } });
  });
  const { exit, stdout, stderr } = await execInOs(agent, ['x']);
  assert.deepEqual([exit, String(stdout), String(stderr)], [3, 'hé', 'bad']);
});

test('execInOs() passes input of any length on, piece by piece, and goes on when nobody reads it', async (t) => {
  const input = Buffer.from(Array.from({ length: 40_000 }, (_, at) => at % 251));
  // By their ids: on a busy host a request comes once more before its acknowledgement is read.
  const pieces = new Map<number, Buffer>();
  let program = 0;
  const agent = await fakeOs(t, (request, say) => {
    const { id } = request;
    say({ id, ack: true });
    if (request.op === 'exec') program = id;
    if (request.op !== 'input') return;
    assert.equal(request.of, program);
    pieces.set(id, Buffer.from(request.data, 'base64'));
    say({ id, ok: {} });
    if (request.end) say({ id: program, ok: { exit: 0 } });
  });
  assert.equal((await execInOs(agent, ['x'], { stdin: input })).exit, 0);
  assert.ok(Buffer.concat([...pieces.values()]).equals(input));
  assert.ok(pieces.values().every(({ length }) => length <= INPUT_CHUNK_BYTES));

  const deaf = await fakeOs(t, ({ id, op }, say) =>
    say(op === 'exec' ? { id, ok: { exit: 1 } } : { id, ack: true }),
  );
  async function* endless() {
    for (;;) yield input;
  }
  assert.equal((await execInOs(deaf, ['x'], { stdin: endless() })).exit, 1);
});

test('execInOs() reports a signal as a shell does, and a timeout as an error', async (t) => {
  const agent = await fakeOs(t, ({ id }, say) => say({ id, ok: { exit: null, signal: 'SIGTERM' } }));
  assert.equal((await execInOs(agent, ['x'])).exit, 143);
  await assert.rejects(execInOs(agent, ['x'], { timeoutMs: 0.001 }), { code: 'E_TIMEOUT' });
});

test('execInOs() says so when the line lost output', async (t) => {
  const agent = await fakeOs(t, ({ id }, say) => say({ id, ok: { exit: 0, outBytes: 5 } }));
  await assert.rejects(execInOs(agent, ['x']), { code: 'E_LAB_COMMAND' });
});

test('a request that is not acknowledged goes out again with the same id', async (t) => {
  const ids: number[] = [];
  const agent = await fakeOs(t, ({ id }, say) => {
    ids.push(id);
    if (ids.length === 2) say({ id, ok: { os: 'a', bootId: 'x' } });
  });
  assert.equal((await pingAgent(agent)).os, 'a');
  assert.equal(ids[0], ids[1]);
});

test('switchOs() returns the report of the OS that arrives', async (t) => {
  const agent = await fakeOs(t, ({ id, op }, say) => {
    if (op === 'ping') return say({ id, ok: { os: 'a', bootId: 'x' } });
    say({ id, ack: true });
    say({ event: 'arrived', os: 'c', report: REPORT });
    say({ event: 'arrived', os: 'b', report: REPORT });
  });
  const { os, report } = await switchOs(agent, 'b');
  assert.deepEqual([os, report], ['b', REPORT]);
});

test('switchOs() passes a refusal on with its code, facts and hint', async (t) => {
  const agent = await fakeOs(t, ({ id, op }, say) => {
    if (op === 'ping') return say({ id, ok: { os: 'a', bootId: 'x' } });
    say({ id, error: { code: 'E_OS_EMPTY', message: 'm', facts: { name: 'b' }, hint: 'h' } });
  });
  await assert.rejects(switchOs(agent, 'b'), { code: 'E_OS_EMPTY', facts: { name: 'b' }, hint: 'h' });
});

test('switchOs() refuses the OS that runs already', async (t) => {
  const agent = await fakeOs(t, ({ id }, say) => say({ id, ok: { os: 'b', bootId: 'x' } }));
  await assert.rejects(switchOs(agent, 'b'), { code: 'E_OS_RUNNING' });
});

test('switchOs() finds a lost arrival by asking', async (t) => {
  let pings = 0;
  const agent = await fakeOs(t, ({ id, op }, say) => {
    if (op !== 'ping') return say({ id, ack: true });
    pings += 1;
    say({ id, ok: { os: pings === 1 ? 'a' : 'b', bootId: 'x', lastSwitch: REPORT } });
  });
  assert.deepEqual((await switchOs(agent, 'b', { pollMs: 50 })).report, REPORT);
});

test('execAway() ends when the target runs, and when the program fails', async (t) => {
  const agent = await fakeOs(t, (request, say) => {
    const { id } = request;
    if (request.op === 'ping') return say({ id, ok: { os: 'b', bootId: 'x', running: [] } });
    say({ id, ack: true });
    if (request.op !== 'exec') return;
    if (request.argv[0] === 'fail') return say({ id, ok: { exit: 4 } });
    say({ event: 'arrived', os: 'c', report: REPORT });
    if (request.argv[0] === 'go') say({ event: 'arrived', os: 'b', report: REPORT });
  });
  assert.equal(await execAway(agent, ['go'], 'b'), null);
  assert.equal(await execAway(agent, ['lose the event'], 'b', { pollMs: 30 }), null);
  assert.equal((await execAway(agent, ['fail'], 'b'))?.exit, 4);
});

test('execAway() into the OS itself waits until the program is gone or ends', async (t) => {
  let restored = false;
  let running: number[] = [];
  const agent = await fakeOs(t, (request, say) => {
    const { id } = request;
    if (request.op === 'ping') return say({ id, ok: { os: 'a', bootId: 'x', running } });
    say({ id, ack: true });
    if (request.op !== 'exec') return;
    running = [id];
    say({ event: 'arrived', os: 'a', report: REPORT });
    setTimeout(() => {
      if (request.argv[0] === 'refused') return say({ id, ok: { exit: 1 } });
      restored = true;
      running = [];
      say({ event: 'arrived', os: 'a', report: REPORT });
    }, 60);
  });
  assert.equal((await execAway(agent, ['refused'], 'a'))?.exit, 1);
  assert.equal(await execAway(agent, ['restore'], 'a'), null);
  assert.ok(restored);
});

test('a call ends when its time is up, or when the machine goes', async (t) => {
  const agent = await fakeOs(t, () => {});
  await assert.rejects(pingAgent(agent, 20), { code: 'E_TIMEOUT' });
  const pending = pingAgent(agent);
  agent.close();
  await assert.rejects(pending, { code: 'E_LAB_MACHINE' });
});

test('a request goes out when the one before was acknowledged', async (t) => {
  const seen: number[] = [];
  const agent = await fakeOs(t, ({ id }, say) => {
    // On a busy host it comes again before it is acknowledged.
    if (seen.includes(id)) return;
    seen.push(id);
    const requests = seen.length;
    setTimeout(() => {
      assert.equal(seen.length, requests, 'no other request came meanwhile');
      say({ id, ack: true });
      setTimeout(() => say({ id, ok: { os: 'a', bootId: 'x' } }), 30);
    }, 30);
  });
  await Promise.all([pingAgent(agent), pingAgent(agent), pingAgent(agent)]);
  assert.equal(seen.length, 3);
});
