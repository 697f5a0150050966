import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TorporError } from '../base/errors.ts';
import type { FakeKernel } from './fake-kernel.fixture.ts';
import { BTF, dataOf, fakeKernelWithData, HEAP, OFFSET, SYMBOL } from './kernel-data.fixture.ts';
import { readTcpConnections } from './tcp-connections.ts';

const EHASH = HEAP;
const LHASH = HEAP + 0x1000n;
const SOCKETS = HEAP + 0x2000n;
const { sock } = OFFSET;

interface FakeSocket {
  readonly family: 2 | 10;
  readonly state: number;
  /** Bytes of the addresses in network order. */
  readonly local: readonly number[];
  readonly remote: readonly number[];
  readonly ports: readonly [number, number];
}

/** Bucket 2 of 4 has these sockets, bucket 1 of 2 listens. */
function kernelOf(connected: readonly FakeSocket[], listening: readonly FakeSocket[] = []): FakeKernel {
  const kernel = fakeKernelWithData();
  kernel.writeU64(SYMBOL.tcp_hashinfo, EHASH);
  kernel.writeU32(SYMBOL.tcp_hashinfo + 16n, 3);
  kernel.writeU32(SYMBOL.tcp_hashinfo + 48n, 1);
  kernel.writeU64(SYMBOL.tcp_hashinfo + 56n, LHASH);
  for (let bucket = 0n; bucket < 4n; bucket += 1n) kernel.writeU64(EHASH + 8n * bucket, 1n);
  for (let bucket = 0n; bucket < 2n; bucket += 1n) kernel.writeU64(LHASH + 16n * bucket + 8n, 1n);
  chain(kernel, EHASH + 16n, SOCKETS, connected);
  chain(kernel, LHASH + 24n, SOCKETS + 0x1000n, listening);
  return kernel;
}

function chain(kernel: FakeKernel, head: bigint, start: bigint, sockets: readonly FakeSocket[]): void {
  let link = head;
  for (const [index, { family, state, local, remote, ports }] of sockets.entries()) {
    const at = start + BigInt(256 * index);
    const [remoteAt, localAt] =
      family === 2 ? [sock.daddr, sock.rcv_saddr] : [sock.v6_daddr, sock.v6_rcv_saddr];
    kernel.write(at + BigInt(remoteAt), Buffer.from(remote));
    kernel.write(at + BigInt(localAt), Buffer.from(local));
    kernel.write(
      at + BigInt(sock.dport),
      Buffer.from([ports[1] >> 8, ports[1] & 0xff, ports[0] & 0xff, ports[0] >> 8]),
    );
    kernel.write(at + BigInt(sock.family), Buffer.from([family, 0, state]));
    kernel.writeU64(link, at + BigInt(sock.node));
    link = at + BigInt(sock.node);
  }
  if (sockets.length > 0) kernel.writeU64(link, 0x7n);
}

const FOUR: FakeSocket = {
  family: 2,
  state: 1,
  local: [10, 0, 2, 15],
  remote: [192, 0, 2, 1],
  ports: [22, 40_000],
};
const six = (local: readonly number[], remote: readonly number[]): FakeSocket => ({
  family: 10,
  state: 6,
  local: [...local, ...Array(16 - local.length).fill(0)],
  remote: [...Array(16 - remote.length).fill(0), ...remote],
  ports: [443, 65_535],
});

describe('readTcpConnections', () => {
  it('reads connected and listening sockets of both families', () => {
    const listening = {
      ...FOUR,
      state: 10,
      local: [0, 0, 0, 0],
      remote: [0, 0, 0, 0],
      ports: [80, 0],
    } as const;
    const kernel = kernelOf([FOUR, six([0xfe, 0x80], [1])], [listening]);
    assert.deepEqual(readTcpConnections(dataOf(kernel)), {
      connections: [
        {
          family: 'IPv4',
          state: 'established',
          localAddress: '10.0.2.15',
          localPort: 22,
          remoteAddress: '192.0.2.1',
          remotePort: 40_000,
        },
        {
          family: 'IPv6',
          state: 'time-wait',
          localAddress: 'fe80::',
          localPort: 443,
          remoteAddress: '::1',
          remotePort: 65_535,
        },
        {
          family: 'IPv4',
          state: 'listening',
          localAddress: '0.0.0.0',
          localPort: 80,
          remoteAddress: '0.0.0.0',
          remotePort: 0,
        },
      ],
      unknown: [],
    });
  });

  it('writes IPv6 addresses in their short form', () => {
    const bytes = (text: string): number[] =>
      text
        .split(' ')
        .flatMap((group) => [Number.parseInt(group.slice(0, 2), 16), Number.parseInt(group.slice(2), 16)]);
    for (const [groups, wanted] of [
      ['0000 0000 0000 0000 0000 0000 0000 0000', '::'],
      ['2001 0db8 0000 0000 0001 0000 0000 0001', '2001:db8::1:0:0:1'],
      ['2001 0db8 0000 0001 0001 0001 0001 0001', '2001:db8:0:1:1:1:1:1'],
      ['0001 0000 0000 0000 0000 0000 0000 0000', '1::'],
      ['0000 0000 0000 0000 0000 ffff 7f00 0001', '::ffff:127.0.0.1'],
    ] as const) {
      const socket = { ...six([], []), local: bytes(groups) };
      const [found] = readTcpConnections(dataOf(kernelOf([socket]))).connections;
      assert.equal(found!.localAddress, wanted);
    }
  });

  it('stops where a chain comes back or breaks off, and goes on with the rest', () => {
    const kernel = kernelOf([FOUR, FOUR], [FOUR]);
    kernel.writeU64(SOCKETS + 256n + BigInt(sock.node), SOCKETS + BigInt(sock.node));
    const back = readTcpConnections(dataOf(kernel));
    assert.equal(back.connections.length, 3);
    assert.match(back.unknown.join(), /chain of connected TCP sockets has no end/);
    kernel.writeU64(SOCKETS + 256n + BigInt(sock.node), 0x1000n);
    const broken = readTcpConnections(dataOf(kernel));
    assert.equal(broken.connections.length, 3);
    assert.match(broken.unknown.join(), /not all connected TCP sockets: .* unreadable/);
  });

  it('tells of sockets that cannot be, and of impossible tables', () => {
    const odd = readTcpConnections(dataOf(kernelOf([{ ...FOUR, state: 40 }, FOUR])));
    assert.equal(odd.connections.length, 1);
    assert.match(odd.unknown.join(), /family 2 and state 40/);
    const kernel = kernelOf([FOUR]);
    kernel.writeU32(SYMBOL.tcp_hashinfo + 16n, 0x7fff_ffff);
    assert.match(readTcpConnections(dataOf(kernel)).unknown.join(), /2147483648 buckets cannot be/);
  });

  it('is bounded whatever was damaged, its types too', () => {
    const byte = fc.nat(255);
    const damage = fc.record({
      types: fc.array(fc.tuple(fc.nat(2500), byte), { maxLength: 6 }),
      memory: fc.array(fc.tuple(fc.nat(3 * 4096 - 1), byte), { maxLength: 20 }),
    });
    fc.assert(
      fc.property(damage, ({ types, memory }) => {
        const kernel = kernelOf([FOUR, six([], []), FOUR], [FOUR]);
        for (const [at, value] of types) kernel.write(BTF + BigInt(at), Buffer.from([value]));
        for (const [at, value] of memory) kernel.write(HEAP + BigInt(at), Buffer.from([value]));
        try {
          assert.ok(readTcpConnections(dataOf(kernel)).connections.length < 10_000);
        } catch (error) {
          assert.ok(error instanceof TorporError, String(error));
        }
      }),
      { numRuns: 200 },
    );
  });
});
