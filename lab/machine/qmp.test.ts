import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { TorporError } from '../../src/base/errors.ts';
import { newDirectory } from './new-directory.fixture.ts';
import { openQmp } from './qmp.ts';

/** A QEMU as far as QMP goes: `answer` gets each command and writes what it wants. */
async function fakeQemu(
  t: TestContext,
  answer: (command: { execute: string; id: number; arguments?: object }, socket: Socket) => void,
  greeting = '{"QMP": {"version": {}, "capabilities": []}}\r\n',
): Promise<string> {
  const path = join(newDirectory(), 's');
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.write(greeting);
    socket.on('data', (bytes) => {
      for (const line of String(bytes).trim().split('\n')) {
        const command = JSON.parse(line);
        if (command.execute === 'qmp_capabilities') socket.write(`{"return": {}, "id": ${command.id}}\r\n`);
        else answer(command, socket);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return path;
}

test('execute() returns the answer also when it comes in pieces, and passes events on', async (t) => {
  const path = await fakeQemu(t, (command, socket) => {
    socket.write('{"event": "RESET", "data": {"guest": true}}\r\n{"ret');
    setTimeout(() => socket.write(`urn": {"status": "running"}, "id": ${command.id}}\r\n`), 5);
  });
  const events: string[] = [];
  const qmp = await openQmp(path, { onEvent: (event) => events.push(event.event) });
  assert.deepEqual(await qmp.execute('query-status'), { status: 'running' });
  assert.deepEqual(events, ['RESET']);
  qmp.close();
});

test('execute() fails with what QEMU says', async (t) => {
  const path = await fakeQemu(t, (command, socket) => {
    socket.write(
      `{"id": ${command.id}, "error": {"class": "CommandNotFound", "desc": "no such command"}}\r\n`,
    );
  });
  const qmp = await openQmp(path);
  await assert.rejects(
    qmp.execute('x'),
    (e) => e instanceof TorporError && /no such command/.test(e.message),
  );
  qmp.close();
});

test('execute(quit) rejects, and `closed` resolves, when QEMU drops the connection', async (t) => {
  const path = await fakeQemu(t, (_command, socket) => socket.destroy());
  const qmp = await openQmp(path);
  await assert.rejects(qmp.execute('quit'), { code: 'E_LAB_MACHINE' });
  await qmp.closed;
  await assert.rejects(qmp.execute('query-status'), { code: 'E_LAB_MACHINE' });
});

test('openQmp() gives up on a socket that never greets', async (t) => {
  const path = await fakeQemu(t, () => {}, '');
  await assert.rejects(openQmp(path, { timeoutMs: 30 }), { code: 'E_TIMEOUT' });
});

test('openQmp() refuses what is not QMP', async (t) => {
  const path = await fakeQemu(t, () => {}, 'SSH-2.0-OpenSSH\r\n');
  await assert.rejects(openQmp(path), { code: 'E_LAB_MACHINE' });
});
