import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAKE_BOOT_ID, fakeMachine, park } from '../switchboard/fake.ts';
import { CONTROL, OFFSET } from '../switchboard/layout.ts';
import { Agent } from './agent.ts';
import { type AgentMessage, type AgentRequest, encodeLine, LineDecoder, messageSchema } from './protocol.ts';

/** An agent at a line whose other end is this test. */
async function start() {
  const machine = fakeMachine();
  park(machine, 1, 'debian12');
  const decoder = new LineDecoder();
  const received: AgentMessage[] = [];
  let wake = (): void => {};
  let deliver: (chunk: string) => void = () => assert.fail('nobody listens');
  const agent = new Agent(machine.sys, machine.switchboard, {
    onData: (listener) => {
      deliver = listener;
    },
    write: async (text) => {
      for (const value of decoder.push(text)) received.push(messageSchema.parse(value));
      wake();
    },
  });
  await agent.start();
  const until = async (find: (message: AgentMessage) => boolean): Promise<AgentMessage> => {
    for (;;) {
      const found = received.find(find);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        // The agent's own timer does not keep a process alive.
        const alive = setTimeout(resolve, 5000);
        wake = () => {
          clearTimeout(alive);
          resolve();
        };
      });
    }
  };
  return {
    ...machine,
    received,
    until,
    say: (request: AgentRequest) => deliver(encodeLine(request)),
    type: (text: string) => deliver(text),
    /** Waits for the answer to a request. */
    answer: (id: number) =>
      until((message) => 'id' in message && message.id === id && ('ok' in message || 'error' in message)),
  };
}

test('an agent says that it is up, and answers a ping', async () => {
  const { received, say, answer } = await start();
  const identity = { os: 'monitor', bootId: FAKE_BOOT_ID };
  assert.deepEqual(received, [{ event: 'up', ...identity }]);
  say({ id: 7, op: 'ping' });
  assert.deepEqual(await answer(7), { id: 7, ok: { ...identity, lastSwitch: null, running: [] } });
  assert.deepEqual(received[1], { id: 7, ack: true });
});

test('a program is run, its output comes before its end', async () => {
  const { received, say, answer } = await start();
  say({ id: 1, op: 'exec', argv: ['/bin/echo', 'hello'] });
  assert.deepEqual(await answer(1), { id: 1, ok: { exit: 0, signal: null, outBytes: 6, errBytes: 0 } });
  const out = Buffer.from('hello\n').toString('base64');
  assert.deepEqual(received.slice(1), [
    { id: 1, ack: true },
    { id: 1, out, stream: 1 },
    { id: 1, ok: { exit: 0, signal: null, outBytes: 6, errBytes: 0 } },
  ]);
});

test('a repeated request is acknowledged again and carried out once', async () => {
  const { received, say, answer } = await start();
  const request: AgentRequest = { id: 3, op: 'exec', argv: ['/bin/echo', 'once'] };
  say(request);
  say(request);
  await answer(3);
  say(request);
  say({ id: 4, op: 'ping' });
  await answer(4);
  const about3 = received.filter((message) => 'id' in message && message.id === 3);
  assert.equal(about3.filter((message) => 'ack' in message).length, 3);
  assert.equal(about3.filter((message) => 'out' in message).length, 1);
  assert.equal(about3.filter((message) => 'ok' in message).length, 1);
});

test('a running program is cancelled', async () => {
  const { say, answer, until } = await start();
  say({ id: 1, op: 'exec', argv: ['/bin/sh', '-c', 'echo started; exec sleep 30'] });
  await until((message) => 'out' in message);
  say({ id: 2, op: 'cancel', of: 1 });
  assert.deepEqual(await answer(2), { id: 2, ok: {} });
  assert.deepEqual(await answer(1), {
    id: 1,
    ok: { exit: null, signal: 'SIGTERM', outBytes: 8, errBytes: 0 },
  });
});

test('a program gets its input piece by piece, in order', async () => {
  const { received, say, answer } = await start();
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  say({ id: 1, op: 'exec', argv: ['/bin/cat'], input: true });
  // Before the program is there.
  say({ id: 2, op: 'input', of: 1, data: base64('a\0'), end: false });
  assert.deepEqual(await answer(2), { id: 2, ok: {} });
  say({ id: 3, op: 'input', of: 1, data: base64('b\n'), end: true });
  assert.deepEqual(await answer(1), { id: 1, ok: { exit: 0, signal: null, outBytes: 4, errBytes: 0 } });
  const out = received.flatMap((message) => ('out' in message ? [Buffer.from(message.out, 'base64')] : []));
  assert.equal(Buffer.concat(out).toString(), 'a\0b\n');
});

test('input that nobody reads is answered when the program has ended', async () => {
  const { say, answer } = await start();
  say({ id: 1, op: 'exec', argv: ['/bin/sleep', '0.2'], input: true });
  const data = Buffer.alloc(200_000).toString('base64');
  for (const id of [2, 3]) say({ id, op: 'input', of: 1, data, end: false });
  for (const id of [2, 3]) assert.deepEqual(await answer(id), { id, ok: {} });
  say({ id: 4, op: 'input', of: 1, data, end: true });
  assert.deepEqual(await answer(4), { id: 4, ok: {} });
});

test('what fails is answered with code, facts and hint', async () => {
  const { say, answer } = await start();
  say({ id: 1, op: 'switch', target: 'nobody' });
  const refused = await answer(1);
  assert.ok('error' in refused);
  const { code, message, facts, hint } = refused.error;
  assert.equal(code, 'E_OS_UNKNOWN');
  assert.match(message, /“nobody”/);
  assert.deepEqual(facts.resident, ['monitor', 'debian12']);
  assert.match(hint!, /torpor status/);
  say({ id: 2, op: 'exec', argv: ['/no/such/program'] });
  const missing = await answer(2);
  assert.ok('error' in missing && missing.error.code === 'E_USAGE');
});

test('what is no request is passed over', async () => {
  const { received, type, say, answer } = await start();
  type('login: \n\x1e{"id":1}\n\x1e{"id":-1,"op":"ping"}\n\x1e[]\nroot\n');
  type(encodeLine({ id: 9, op: 'exec', argv: ['x'] }).replace('"x"', ''));
  say({ id: 2, op: 'ping' });
  await answer(2);
  assert.deepEqual(received.slice(1, 2), [{ id: 2, ack: true }]);
});

test('an arrival is told once, when its report is there', async () => {
  const { switchboard, bytes, received, until } = await start();
  const report = {
    sequence: 6,
    from: 'debian12',
    to: 'monitor',
    mode: 'park',
    totalMs: 61,
    phasesMs: null,
    resumeMs: null,
  };
  CONTROL.encodeInto(bytes, { sequence: 6n }, OFFSET.control);
  switchboard.writeLastSwitch({ ...report, sequence: 5 });
  await new Promise((resolve) => setTimeout(resolve, 120));
  assert.equal(received.length, 1, 'not the report of an earlier switch');
  // A report that is just being written is not readable, and that harms nobody.
  bytes[OFFSET.lastSwitch + 9]! ^= 1;
  await new Promise((resolve) => setTimeout(resolve, 120));
  switchboard.writeLastSwitch(report);
  const arrived = await until((message) => 'event' in message && message.event === 'arrived');
  assert.deepEqual(arrived, { event: 'arrived', os: 'monitor', report });
  await new Promise((resolve) => setTimeout(resolve, 120));
  assert.equal(received.filter((message) => 'event' in message && message.event === 'arrived').length, 1);
});
