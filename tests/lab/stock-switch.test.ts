/**
 * Two stock Debians on one machine, each with a disk of its own, take turns through a parking area. What only
 * memory holds goes on in both, whatever the other one did; a machine that loses power goes on where it was
 * parked; a disk that was used meanwhile is found out. `TORPOR_LAB_ALL=1` runs it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { GIB } from '../../src/base/units.ts';
import { ensureStockDebian } from './stock/debian-stock.ts';
import { StockMachine } from './stock/stock-machine.ts';
import { readState, START_WITNESS, STATE, type Witness } from './stock/witness-state.ts';

const skip = process.env.TORPOR_LAB_ALL !== '1' && 'a machine with two stock kernels: TORPOR_LAB_ALL=1';
const ROUNDS = 3;
const NAMES = ['debian12', 'debian13'] as const;

interface SwitchReport {
  readonly os: string;
  readonly from: string | null;
  readonly switchMs: number | null;
  readonly stagesMs: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

test('Debian 12 and Debian 13 take turns', { skip, timeout: 120 * 60_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'torpor-pair-'));
  const debians = [
    await ensureStockDebian('stock12', () => {}),
    await ensureStockDebian('stock13', () => {}),
  ];
  const machine = await StockMachine.makeWith(debians, directory, 1 * GIB);
  const run = async (script: string): Promise<string> => {
    const { status, output } = await machine.run(script, 30 * 60_000);
    assert.equal(status, 0, output);
    return output;
  };
  const look = async (): Promise<Witness> => readState(await machine.run(STATE), 'before', 'same');
  const witnesses: Witness[] = [];
  /** The commands that the OSes have left with. */
  const left: string[] = [];
  /** Leaves the OS for the other, which answers to the command that it left with. */
  const switchTo = async (to: 0 | 1): Promise<SwitchReport> => {
    const leaving = machine.begin(`torpor switch ${NAMES[to]} --json`);
    const { status, output } = await machine.arrive(left[to]!, leaving.result);
    left[1 - to] = leaving.id;
    assert.equal(status, 0, output);
    const report = JSON.parse(output) as SwitchReport;
    t.diagnostic(output.replaceAll(/\s+/g, ' '));
    assert.deepEqual([report.os, report.from, report.warnings], [NAMES[to], NAMES[1 - to], []]);
    const seen = await look();
    const before = witnesses[to]!;
    assert.equal(seen.nonce, before.nonce, 'it went on, it did not start anew');
    assert.ok(
      seen.count >= before.count && seen.count < before.count + 2000,
      `${before.count} then, ${seen.count} now`,
    );
    witnesses[to] = seen;
    return report;
  };
  try {
    await machine.start();
    await run('torpor parking init /dev/vdd --slots 2 --name debian12');
    await run(START_WITNESS);
    const missing = await machine.run('torpor switch debian13 --json');
    assert.match(missing.output, /E_NOT_PARKED/);
    witnesses[0] = await look();
    left[0] = machine.begin('torpor park --json 2>/dev/null').id;
    await machine.off();

    await machine.start([], 1);
    await run('torpor parking use /dev/vdd --name debian13');
    await run(START_WITNESS);
    witnesses[1] = await look();
    assert.match(await run('torpor status'), /debian12 +parked/);
    const plan = await run('torpor switch debian12 --dry-run');
    assert.match(plan, /would load “debian12”/);
    assert.equal((await look()).nonce, witnesses[1].nonce);
    for (let round = 0; round < ROUNDS; round += 1) {
      await switchTo(0);
      await switchTo(1);
    }

    // Both are parked at no time but in a switch: what runs is lost with the power, what is parked is not.
    await machine.cut();
    await machine.start([], 1);
    assert.match(await run('torpor status'), /debian12 +parked/);
    await run('rm -f /run/witness /var/witness.db /var/witness.log');
    await run(START_WITNESS);
    witnesses[1] = await look();
    await switchTo(0);
    await switchTo(1);

    // Somebody mounts the disk of the parked one.
    await run('mkdir -p /mnt && mount /dev/vda /mnt && umount /mnt');
    const changed = await machine.run('torpor switch debian12 --json');
    assert.match(changed.output, /E_DISK_CHANGED/);
    assert.match(changed.output, /mounted for the last time/);
    assert.match(await run('torpor status'), /debian12 +stale/);
    await run('torpor parking drop debian12');
    assert.equal((await look()).nonce, witnesses[1].nonce);

    // What is parked goes on at the start of the machine.
    const release = await run('uname -r');
    await run('sh /opt/torpor/boot/install');
    const [initrd = ''] = (await run(`sha256sum /boot/initrd.img-${release}`)).split(' ');
    const parked = machine.begin('torpor park --json');
    await machine.off();
    await machine.adoptInitrd(release, initrd, 1);
    assert.equal((await machine.powerOnInto(parked.id, 1)).status, 0);
    assert.equal((await look()).nonce, witnesses[1].nonce);
  } finally {
    await machine.cut();
  }
  rmSync(directory, { recursive: true });
});
