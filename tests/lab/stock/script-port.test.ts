import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { newDirectory } from '../../../lab/machine/new-directory.fixture.ts';
import { ScriptPort } from './script-port.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

test('scripts are answered by their ids, also again, and not when the machine ends', async (t) => {
  const path = join(newDirectory(), 'port');
  const server = createServer();
  t.after(() => server.close());
  const port = new ScriptPort();
  const begun = port.connect(path);
  // Whoever connects tries until the machine has made its socket.
  server.listen(path);
  const [machine] = (await once(server, 'connection')) as [Socket];
  await begun;
  t.after(() => port.disconnect());

  const { id, result } = port.begin('uname -r', 60_000);
  const [line] = (await once(machine, 'data')) as [Buffer];
  assert.equal(String(line), `${id} ${base64('uname -r')}\n`);
  machine.write(`something else\n${id} 3 ${base64('6.1\n')}\n`);
  assert.deepEqual(await result, { status: 3, output: '6.1' });

  const again = port.answerOf(id);
  machine.write(`${id} 0 ${base64('back')}\n`);
  assert.deepEqual(await again, { status: 0, output: 'back' });

  const never = port.begin('sleep 1', 60_000);
  port.giveUp();
  await assert.rejects(never.result, /the machine ended/);
  await assert.rejects(port.begin('sleep 2', 1).result, /script s2 did not end/);
});
