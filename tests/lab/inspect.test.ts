/**
 * Looking into the memory of frozen stock kernels, which carry their types: the kernels of Debian 12,
 * of Debian 13 and the newest backport, each in a plain machine of its own. What they said of themselves
 * right before is compared with what is found. `TORPOR_LAB_ALL=1` runs it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { rangeOf } from '../../src/base/ranges.ts';
import { freePages, usedPages } from '../../src/kernel/free-pages.ts';
import { KernelData } from '../../src/kernel/kernel-data.ts';
import { probeFreePages } from '../../src/kernel/probe-free-pages.ts';
import type { PhysicalReader } from '../../src/kernel/virtual-memory.ts';
import { decodeVmcoreinfo, parseVmcoreinfoLocation, type Vmcoreinfo } from '../../src/kernel/vmcoreinfo.ts';
import { inspectKernel, type KernelInspection } from '../../src/machine/inspect-kernel.ts';
import { FREEZE, type FrozenStockKernel, freezeStockKernel } from './stock/stock-kernel.ts';

interface Case {
  readonly suite: string;
  readonly args: readonly string[];
  readonly freePages: 'any' | 'zero' | 'poison';
}

const CASES: readonly Case[] = [
  { suite: 'bookworm', args: [], freePages: 'any' },
  { suite: 'bookworm', args: ['init_on_free=1'], freePages: 'zero' },
  { suite: 'trixie', args: [], freePages: 'any' },
  { suite: 'trixie', args: ['page_poison=1'], freePages: 'poison' },
  { suite: 'trixie-backports', args: [], freePages: 'any' },
  { suite: 'bookworm', args: [FREEZE], freePages: 'any' },
  { suite: 'trixie', args: [FREEZE], freePages: 'any' },
];

const skip =
  process.env.TORPOR_LAB_ALL !== '1' && 'a machine for each of several stock kernels: TORPOR_LAB_ALL=1';

for (const { suite, args, freePages: expected } of CASES) {
  test(`the stock kernel of ${suite} ${args.join(' ')}`.trim(), { skip, timeout: 15 * 60_000 }, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'torpor-stock-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const frozen = await freezeStockKernel(suite, directory, args);
    const reader = readerOf(frozen.memory);
    const location = parseVmcoreinfoLocation(fact(frozen, 'vmcoreinfo')[0]!);
    const note = decodeVmcoreinfo(reader.read(location.address, location.sizeBytes));
    const sections = { processes: true, connections: true, logLines: 10 };
    const found = inspectKernel(reader, location, null, sections);
    t.diagnostic(`Linux ${note.osrelease}, ${found.processes?.length} processes`);

    assert.deepEqual(found.unknown, []);
    checkIdentity(frozen, found);
    if (args.includes(FREEZE)) checkFrozenProcesses(found, suite !== 'bookworm');
    else checkProcesses(frozen, found);
    checkConnections(frozen, found);
    assert.match(found.log!.join('\n'), /torpor-test line of the kernel log/);
    checkFreePages(reader, note, frozen.memory.length);
    const range = rangeOf(0, frozen.memory.length);
    assert.equal(probeFreePages(reader, note, range, null), expected);
  });
}

function checkIdentity(frozen: FrozenStockKernel, { kernel }: KernelInspection): void {
  assert.equal(kernel!.banner, fact(frozen, 'version')[0]);
  assert.equal(kernel!.commandLine, fact(frozen, 'cmdline')[0]);
  assert.equal(kernel!.hostName, 'frozen');
  const btime = Number(fact(frozen, 'btime')[0]!.split(' ')[1]);
  assert.ok(Math.abs(kernel!.bootedMs! / 1000 - btime) <= 1, `${kernel!.bootedMs} and ${btime}`);
  const uptime = Number(fact(frozen, 'uptime')[0]!.split(' ')[0]);
  const awake = (kernel!.stoppedMs! - kernel!.bootedMs!) / 1000;
  assert.ok(awake >= uptime && awake < uptime + 60, `${awake} and ${uptime}`);
}

/** Letter of proc(5) → our word. */
const STATES: Readonly<Record<string, string>> = {
  S: 'sleeping',
  I: 'idle',
  Z: 'zombie',
  T: 'stopped',
  D: 'uninterruptible',
};

/** The shell that says all this goes on working meanwhile, and kernel threads come, go and run. */
function checkProcesses(frozen: FrozenStockKernel, { processes }: KernelInspection): void {
  const byPid = new Map(processes!.map((process) => [process.pid, process]));
  let programs = 0;
  for (const line of fact(frozen, 'processes')) {
    const fields = new Map(line.split(/\t(?=[A-Za-z]+:)/).map(pair));
    const pid = Number(fields.get('Pid'));
    const process = byPid.get(pid);
    if (process === undefined || pid === 1) continue;
    if (process.kernelThread) {
      // /proc adds to the name of a worker what it works on.
      assert.ok(fields.get('Name')!.startsWith(process.name), `${fields.get('Name')} and ${process.name}`);
      assert.equal(process.parentPid, Number(fields.get('PPid')));
      assert.equal(process.residentBytes, null);
      continue;
    }
    if (process.name !== fields.get('Name')) continue;
    programs += 1;
    const [uid] = fields.get('Uid')!.split('\t');
    assert.deepEqual(
      [process.parentPid, process.threads, process.uid, process.state],
      [
        Number(fields.get('PPid')),
        Number(fields.get('Threads')),
        Number(uid),
        STATES[fields.get('State')![0]!],
      ],
      line,
    );
  }
  assert.ok(programs >= 3, `${programs} programs compared`);
  const [holder] = processes!.filter(({ name, threads }) => name === 'holder' && threads === 4);
  assert.equal(holder!.state, 'sleeping');
  const rollupBytes = Number(/(\d+) kB/.exec(fact(frozen, 'rollup')[0]!)![1]) * 1024;
  assert.equal(holder!.residentBytes, rollupBytes);
  for (const state of ['zombie', 'stopped']) {
    assert.ok(
      processes!.some((process) => process.name === 'holder' && process.state === state),
      state,
    );
  }
  assert.ok(processes!.some(({ kernelThread, name }) => kernelThread && name === 'kthreadd'));
}

/** Newer kernels keep what a frozen process goes on as, unless it was interrupted for that. */
function checkFrozenProcesses({ processes }: KernelInspection, keepsState: boolean): void {
  const programs = processes!.filter(
    ({ kernelThread, state, pid }) => !kernelThread && state !== 'zombie' && pid !== 1,
  );
  assert.ok(programs.length >= 3);
  for (const { name, frozen } of programs) assert.ok(frozen, name);
  const stateOf = (name: string, threads: number): string =>
    programs.find((process) => process.name === name && process.threads === threads)!.state;
  const states = [stateOf('holder', 4), stateOf('holder', 1), stateOf('sleep', 1)];
  assert.deepEqual(states, keepsState ? ['frozen', 'stopped', 'sleeping'] : ['frozen', 'frozen', 'frozen']);
}

function checkConnections(frozen: FrozenStockKernel, { connections }: KernelInspection): void {
  const own = connections!.map(({ state, localAddress, localPort, remoteAddress, remotePort }) =>
    [state, localAddress, localPort, remoteAddress, remotePort].join(' '),
  );
  const states: Readonly<Record<string, string>> = { '01': 'established', '0A': 'listening' };
  const said = [...fact(frozen, 'tcp'), ...fact(frozen, 'tcp6')].flatMap((line) => {
    const match = /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]{2}) /.exec(line);
    if (match === null) return [];
    const [, local, localPort, remote, remotePort, state] = match;
    const port = (text: string): number => Number.parseInt(text, 16);
    return [
      [states[state!], address(local!), port(localPort!), address(remote!), port(remotePort!)].join(' '),
    ];
  });
  assert.equal(said.length, 6);
  assert.deepEqual(own.toSorted(), said.toSorted());
}

/** What is free is, block by block, what the allocator of that kernel counts in its zones. */
function checkFreePages(reader: PhysicalReader, note: Vmcoreinfo, memoryBytes: number): void {
  const range = rangeOf(0, memoryBytes);
  const damage: string[] = [];
  const blocks = new Map<number, number>();
  let freeCount = 0;
  for (const { start, end } of freePages(reader, note, range, { onDamage: (what) => damage.push(what) })) {
    blocks.set(end - start, (blocks.get(end - start) ?? 0) + 1);
    freeCount += end - start;
  }
  let usedCount = 0;
  for (const { start, end } of usedPages(reader, note, range)) usedCount += end - start;
  assert.deepEqual(damage, []);
  assert.equal(freeCount + usedCount, memoryBytes / 4096);
  assert.ok(freeCount > 10_000, `${freeCount} free pages`);
  assert.deepEqual([...blocks].toSorted(), [...countedBlocks(reader, note)].toSorted());
}

/** Pages of a block → how many such blocks the zones of the first node say that they have. */
function countedBlocks(reader: PhysicalReader, note: Vmcoreinfo): Map<number, number> {
  const data = new KernelData(reader, note);
  const node = data.u64(note.symbol('node_data'));
  const zones = data.u32(node + BigInt(note.offset('pglist_data.nr_zones')));
  const blocks = new Map<number, number>();
  for (let zone = 0; zone < zones; zone += 1) {
    for (let order = 0; order < note.length('zone.free_area'); order += 1) {
      const area =
        note.offset('pglist_data.node_zones') +
        zone * note.size('zone') +
        note.offset('zone.free_area') +
        order * note.size('free_area');
      // nr_free stands behind the lists.
      const lists = note.length('free_area.free_list') * note.size('list_head');
      const count = Number(data.u64(node + BigInt(area + lists)));
      if (count > 0) blocks.set(2 ** order, (blocks.get(2 ** order) ?? 0) + count);
    }
  }
  return blocks;
}

function fact({ facts }: FrozenStockKernel, section: string): readonly string[] {
  return facts.get(section)!.filter((line) => line !== '');
}

/** `Name:\tinit` → its two parts. */
function pair(text: string): [string, string] {
  const at = text.indexOf(':');
  return [text.slice(0, at), text.slice(at + 1).trim()];
}

/** /proc/net/tcp prints each 32 bits of an address as a number of this processor. */
function address(text: string): string {
  const bytes = Buffer.from(text, 'hex');
  for (let at = 0; at < bytes.length; at += 4) bytes.subarray(at, at + 4).reverse();
  if (bytes.length === 4) return bytes.join('.');
  const isLast = bytes.subarray(0, 15).every((byte) => byte === 0);
  return isLast ? `::${bytes[15] === 0 ? '' : bytes[15]}` : bytes.toString('hex');
}

function readerOf(memory: Uint8Array): PhysicalReader {
  return {
    read(start, sizeBytes) {
      if (start + sizeBytes > memory.length) throw new RangeError('outside the memory');
      return memory.subarray(start, start + sizeBytes);
    },
  };
}
