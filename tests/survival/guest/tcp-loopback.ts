import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type GuestProgram, requireEqual, within } from './guest-program.ts';

export const tcpLoopback: GuestProgram = {
  id: 'tcp-loopback',
  doc: 'a TCP connection inside the OS that carries a message five times a second',
  start: async ({ nonce }) => {
    const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const client: Socket = connect(port, '127.0.0.1').setNoDelay().setEncoding('utf8');
    await once(client, 'connect');
    let sent = 0;
    let echoed = 0;
    let failure: Error | null = null;
    let rest = '';
    client.on('error', (error) => {
      failure = error;
    });
    client.on('close', () => {
      failure ??= new Error('the connection was closed');
    });
    client.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        if (line !== `${nonce} ${echoed}`) failure ??= new Error(`${line} after ${echoed} messages`);
        echoed += 1;
      }
    });
    setInterval(() => {
      client.write(`${nonce} ${sent}\n`);
      sent += 1;
    }, 200);
    return async () => {
      const before = echoed;
      await within(
        20_000,
        'the echo',
        (async () => {
          while (echoed < before + 2 && failure === null) await once(client, 'data');
        })(),
      );
      if (failure !== null) throw failure;
      requireEqual('unread messages', true, sent - echoed <= 2);
      return { ticks: echoed, localPort: client.localPort!, port };
    };
  },
};
