import { connect, createServer, type Socket } from 'node:net';

/** A TCP connection inside the OS that carries numbers to and fro; they must come back in order. */
export class EchoConnection {
  #sent = 0;
  #received = 0;
  #socket: Socket | null = null;
  readonly damage: string[] = [];

  async open(): Promise<void> {
    const server = createServer((peer) => {
      peer.on('error', () => {});
      peer.pipe(peer);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const socket = connect((server.address() as { port: number }).port, '127.0.0.1');
    let rest = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) this.#receive(Number(line));
    });
    socket.on('error', (error) => this.damage.push(`connection: ${error.message}`));
    socket.on('close', () => this.damage.push('connection: it was closed'));
    this.#socket = socket;
  }

  send(): void {
    this.#socket?.write(`${this.#sent}\n`);
    this.#sent += 1;
  }

  get received(): number {
    return this.#received;
  }

  #receive(value: number): void {
    if (value !== this.#received) this.damage.push(`connection: ${value} instead of ${this.#received}`);
    this.#received = value + 1;
  }
}
