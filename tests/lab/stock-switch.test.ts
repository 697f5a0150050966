/**
 * Two stock Debians on one machine, each with a disk of its own, take turns through a parking area. Every
 * survival program goes on in both, whatever the other one did; a machine that loses power goes on where it was
 * parked; a disk that was used meanwhile is found out. `TORPOR_LAB_ALL=1` runs it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { GIB } from '../../src/base/units.ts';
import { Witness } from '../survival/witness.ts';
import { ensureStockDebian } from './stock/debian-stock.ts';
import { installInitramfs, must, parseJson } from './stock/moment.ts';
import { requireClean, stopInOrder } from './stock/orderly-stop.ts';
import { StockMachine } from './stock/stock-machine.ts';

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
    await ensureStockDebian('stock12-survival', () => {}),
    await ensureStockDebian('stock13-survival', () => {}),
  ];
  const machine = await StockMachine.makeWith(debians, directory, 1 * GIB);
  const witnesses: Witness[] = [];
  const watch = async (which: 0 | 1): Promise<void> => {
    const witness = await Witness.open(machine);
    for (const { id, reason } of witness.skipped)
      t.diagnostic(`not run in ${NAMES[which]}: ${id}, ${reason}`);
    await witness.prepare();
    await witness.verify();
    witnesses[which] = witness;
  };
  /** The commands that the OSes have left with. */
  const left: string[] = [];
  /** Leaves the OS for the other, which answers to the command that it left with. */
  const switchTo = async (to: 0 | 1): Promise<void> => {
    const leaving = machine.begin(`torpor switch ${NAMES[to]} --json`);
    const answer = await machine.arrive(left[to]!, leaving.result);
    left[1 - to] = leaving.id;
    const report = parseJson<SwitchReport>(answer);
    t.diagnostic(JSON.stringify(report));
    assert.deepEqual([report.os, report.from, report.warnings], [NAMES[to], NAMES[1 - to], []]);
    await witnesses[to]!.verify();
  };
  try {
    await machine.start();
    await must(machine, 'torpor parking init /dev/vdd --slots 2 --name debian12');
    await watch(0);
    const missing = await machine.run('torpor switch debian13 --json');
    assert.match(missing.output, /E_NOT_PARKED/);
    await witnesses[0]!.verify();
    left[0] = machine.begin('torpor park --json 2>/dev/null').id;
    await machine.off();

    await machine.start([], 1);
    await must(machine, 'torpor parking use /dev/vdd --name debian13');
    await watch(1);
    assert.match(await must(machine, 'torpor status'), /debian12 +parked/);
    assert.match(await must(machine, 'torpor switch debian12 --dry-run'), /would load “debian12”/);
    await witnesses[1]!.verify();
    for (let round = 0; round < ROUNDS; round += 1) {
      await switchTo(0);
      await switchTo(1);
    }

    // Both are parked at no time but in a switch: what runs is lost with the power, what is parked is not.
    await machine.cut();
    await machine.start([], 1);
    assert.match(await must(machine, 'torpor status'), /debian12 +parked/);
    await watch(1);
    await switchTo(0);
    await switchTo(1);

    // Somebody mounts the disk of the parked one.
    await must(machine, 'mkdir -p /mnt && mount /dev/vda /mnt && umount /mnt');
    const changed = await machine.run('torpor switch debian12 --json');
    assert.match(changed.output, /E_DISK_CHANGED/);
    assert.match(changed.output, /mounted for the last time/);
    assert.match(await must(machine, 'torpor status'), /debian12 +stale/);
    await must(machine, 'torpor parking drop debian12');
    await witnesses[1]!.verify();

    // What is parked goes on at the start of the machine.
    const { release, sha256 } = await installInitramfs(machine);
    const parked = machine.begin('torpor park --json');
    await machine.off();
    await machine.adoptInitrd(release, sha256, 1);
    assert.equal((await machine.powerOnInto(parked.id, 1)).status, 0);
    await stopInOrder(machine, witnesses[1]!);
    await requireClean([machine.rootDisk(1), machine.bankDisk]);
  } finally {
    await machine.cut();
  }
  rmSync(directory, { recursive: true });
});
