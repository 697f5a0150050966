import { TorporError } from '../base/errors.ts';
import type { KernelData } from './kernel-data.ts';

export type TcpState =
  | 'established'
  | 'syn-sent'
  | 'syn-received'
  | 'fin-wait-1'
  | 'fin-wait-2'
  | 'time-wait'
  | 'closed'
  | 'close-wait'
  | 'last-ack'
  | 'listening'
  | 'closing';

export interface TcpConnection {
  readonly family: 'IPv4' | 'IPv6';
  readonly state: TcpState;
  /** `127.0.0.1` or `fe80::1` */
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  /** 0 for a listening socket. */
  readonly remotePort: number;
}

export interface TcpConnectionList {
  readonly connections: readonly TcpConnection[];
  /** What could not be found out and why; what damage hid. */
  readonly unknown: readonly string[];
}

/** By number (include/net/tcp_states.h, 6.1 to 7.2). */
const STATES: readonly (TcpState | undefined)[] = [
  undefined,
  'established',
  'syn-sent',
  'syn-received',
  'fin-wait-1',
  'fin-wait-2',
  'time-wait',
  'closed',
  'close-wait',
  'last-ack',
  'listening',
  'closing',
  // TCP_NEW_SYN_RECV: not yet a whole socket.
  'syn-received',
];
const AF_INET = 2;
const AF_INET6 = 10;
/** thash_entries of the largest machines is 512 Ki. */
const MAX_BUCKETS = 2 ** 24;
/** More are not listed. */
const MAX_SOCKETS = 2 ** 20;
/** Of the structures that are read whole; sock_common has 136. */
const MAX_STRUCTURE_BYTES = 4096;
const CHUNK_BYTES = 1024 * 1024;

/**
 * The TCP sockets of a kernel that does not run, connected and listening, by its tables (tcp_hashinfo) and
 * its BTF. Sockets of network namespaces with a table of their own (net.ipv4.tcp_child_ehash_entries)
 * are not among them. Bounded for lists that damage has made endless. Throws E_KERNEL_DATA.
 */
export function readTcpConnections(data: KernelData): TcpConnectionList {
  const { btf } = data;
  const table = data.symbol('tcp_hashinfo');
  const field = (name: string): bigint => table + BigInt(btf.offset('inet_hashinfo', name));
  const connections: TcpConnection[] = [];
  const unknown = new Set<string>();
  const readSocket = openSocketReader(data);
  const tables = [
    {
      what: 'connected',
      first: 'ehash',
      mask: 'ehash_mask',
      bucket: 'inet_ehash_bucket',
      head: 'chain.first',
    },
    {
      what: 'listening',
      first: 'lhash2',
      mask: 'lhash2_mask',
      bucket: 'inet_listen_hashbucket',
      head: 'nulls_head.first',
    },
  ];
  for (const { what, first, mask, bucket, head } of tables) {
    try {
      const buckets = data.u32(field(mask)) + 1;
      if (buckets > MAX_BUCKETS) throw new TorporError('E_KERNEL_DATA', `${buckets} buckets cannot be`);
      const layout = { sizeBytes: structureSize(data, bucket), offset: btf.offset(bucket, head) };
      for (const node of listHeads(data, data.u64(field(first)), buckets, layout)) {
        for (const next of chain(data, node)) {
          if (connections.length >= MAX_SOCKETS) {
            throw new TorporError('E_KERNEL_DATA', `there are more than ${MAX_SOCKETS}`);
          }
          const socket = next === 'endless' ? `a chain of ${what} TCP sockets has no end` : readSocket(next);
          if (typeof socket === 'string') unknown.add(socket);
          else connections.push(socket);
        }
      }
    } catch (error) {
      if (!(error instanceof TorporError)) throw error;
      unknown.add(`not all ${what} TCP sockets: ${error.message}`);
    }
  }
  return { connections, unknown: [...unknown] };
}

/** The nodes of a chain, which ends with an odd number (include/linux/list_nulls.h); `endless` when it comes back. */
function* chain(data: KernelData, first: bigint): Generator<bigint | 'endless', void, undefined> {
  const seen = new Set<bigint>();
  for (let node = first; (node & 1n) === 0n; node = data.u64(node)) {
    if (seen.has(node)) return yield 'endless';
    seen.add(node);
    yield node;
  }
}

function structureSize(data: KernelData, name: string): number {
  const sizeBytes = data.btf.size(name);
  if (sizeBytes > 0 && sizeBytes <= MAX_STRUCTURE_BYTES) return sizeBytes;
  throw new TorporError('E_KERNEL_DATA', `struct ${name} cannot have ${sizeBytes} bytes`);
}

/** What each bucket of a table begins with. */
function* listHeads(
  data: KernelData,
  address: bigint,
  buckets: number,
  { sizeBytes: bucketBytes, offset }: { readonly sizeBytes: number; readonly offset: number },
): Generator<bigint, void, undefined> {
  if (offset + 8 > bucketBytes)
    throw new TorporError('E_KERNEL_DATA', 'their table is of an impossible form');
  const atATime = Math.floor(CHUNK_BYTES / bucketBytes);
  for (let from = 0; from < buckets; from += atATime) {
    const count = Math.min(atATime, buckets - from);
    const bytes = data.space.readVirtualOnce(address + BigInt(from * bucketBytes), count * bucketBytes);
    if (bytes === null) throw new TorporError('E_KERNEL_DATA', 'their table is unreadable');
    const view = new DataView(bytes.buffer);
    for (let index = 0; index < count; index += 1)
      yield view.getBigUint64(index * bucketBytes + offset, true);
  }
}

/** Reads a socket, a closing or a half-open one: all begin with a `struct sock_common`. */
function openSocketReader(data: KernelData): (node: bigint) => TcpConnection | string {
  const { btf } = data;
  const sizeBytes = structureSize(data, 'sock_common');
  const inside = (name: string, offset: number, memberBytes: number): number => {
    if (offset + memberBytes <= sizeBytes) return offset;
    throw new TorporError('E_KERNEL_DATA', `sock_common.${name} cannot be at ${offset}`);
  };
  const at = (name: string): number => inside(name, btf.offset('sock_common', name), 4);
  const offsets = {
    node: BigInt(at('skc_nulls_node')),
    family: at('skc_family'),
    state: at('skc_state'),
    localPort: at('skc_num'),
    remotePort: at('skc_dport'),
    local: at('skc_rcv_saddr'),
    remote: at('skc_daddr'),
  };
  // Without CONFIG_IPV6 there are none.
  const [local6, remote6] = ['skc_v6_rcv_saddr', 'skc_v6_daddr'].map((name) => {
    const member = btf.findMember('sock_common', name);
    return member === null ? null : inside(name, member.offsetBytes, 16);
  }) as [number | null, number | null];
  return (node) => {
    const bytes = data.read(node - offsets.node, sizeBytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, sizeBytes);
    const family = view.getUint16(offsets.family, true);
    const state = STATES[view.getUint8(offsets.state)];
    const isSix = family === AF_INET6 && local6 !== null && remote6 !== null;
    if (state === undefined || (family !== AF_INET && !isSix)) {
      return `a TCP socket of family ${family} and state ${view.getUint8(offsets.state)}`;
    }
    return {
      family: isSix ? 'IPv6' : 'IPv4',
      state,
      localAddress: isSix ? formatSix(view, local6) : formatFour(view, offsets.local),
      localPort: view.getUint16(offsets.localPort, true),
      remoteAddress: isSix ? formatSix(view, remote6) : formatFour(view, offsets.remote),
      // In network order, unlike the local one.
      remotePort: view.getUint16(offsets.remotePort, false),
    };
  };
}

function formatFour(view: DataView, offset: number): string {
  return [0, 1, 2, 3].map((index) => view.getUint8(offset + index)).join('.');
}

/** The short form of RFC 5952: the longest run of zeros, from two on, is left out. */
function formatSix(view: DataView, offset: number): string {
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(offset + index * 2, false));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${formatFour(view, offset + 12)}`;
  }
  const text = groups.map((group) => group.toString(16)).join(':');
  const runs = [...text.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].toSorted((a, b) => b[0].length - a[0].length);
  const [longest] = runs;
  if (longest === undefined) return text;
  const before = text.slice(0, longest.index);
  const after = text.slice(longest.index + longest[0].length);
  return `${before}::${after.replace(/^:/, '')}`;
}
