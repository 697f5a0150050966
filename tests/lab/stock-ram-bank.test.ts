/**
 * Two stock Debians on one machine that keep each other in reserved memory (`/dev/pmem0`) instead of on a disk. The
 * first one to be entered comes out of the bank; what was in memory is gone with the power. `TORPOR_LAB_ALL=1` runs it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Witness } from '../survival/witness.ts';
import { ensureStockDebian } from './stock/debian-stock.ts';
import { leaveMoment, must, requireMoment } from './stock/moment.ts';
import { StockMachine } from './stock/stock-machine.ts';

const skip = process.env.TORPOR_LAB_ALL !== '1' && 'a machine with two stock kernels: TORPOR_LAB_ALL=1';
const ROUNDS = 2;
const NAMES = ['debian12', 'debian13'] as const;
const PROGRAMS = ['nonce', 'tmpfs-file', 'sqlite', 'pipe-in-flight', 'editor', 'growing-file'];
const RAM_BANK_MIB = 1024;

test('Debian 12 and Debian 13 take turns in reserved memory', { skip, timeout: 90 * 60_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'torpor-ram-'));
  const debians = [
    await ensureStockDebian('stock12-survival', () => {}),
    await ensureStockDebian('stock13-survival', () => {}),
  ];
  const machine = await StockMachine.makeWith(debians, directory, 0, RAM_BANK_MIB);
  const witnesses: Witness[] = [];
  /** The commands that the OSes have left with. */
  const left: string[] = [];
  const start = async (which: 0 | 1): Promise<void> => {
    await machine.start([], which);
    await must(machine, 'modprobe -a nd_e820 nd_pmem && udevadm settle && test -b /dev/pmem0');
  };
  const watch = async (which: 0 | 1): Promise<Witness> => {
    const witness = await Witness.open(machine);
    await witness.prepare(PROGRAMS);
    await witness.verify();
    witnesses[which] = witness;
    return witness;
  };
  const makeArea = async (which: 0 | 1): Promise<string> =>
    await must(machine, `torpor parking init /dev/pmem0 --slots 2 --name ${NAMES[which]}`);
  const switchTo = async (to: 0 | 1, target: string): Promise<void> => {
    const leaving = machine.begin(`torpor switch ${target} --json`);
    const { status, output } = await machine.arrive(left[to]!, leaving.result);
    left[1 - to] = leaving.id;
    t.diagnostic(output.replaceAll(/\s+/g, ' '));
    assert.equal(status, 0, output);
  };
  try {
    await start(1);
    await must(machine, 'torpor bank init');
    await makeArea(1);
    const { moment } = await leaveMoment(machine, await watch(1), 'ready');
    left[1] = moment.script;
    await machine.cut();

    await start(0);
    // An area in memory is gone with the power.
    await makeArea(0);
    await watch(0);
    await switchTo(1, moment.reference);
    await requireMoment(machine, witnesses[1]!, moment);
    await witnesses[1]!.verify();
    for (let round = 0; round < ROUNDS; round += 1) {
      await switchTo(0, NAMES[0]);
      await witnesses[0]!.verify();
      await switchTo(1, NAMES[1]);
      await witnesses[1]!.verify();
    }
    assert.match(await must(machine, 'torpor status'), /debian12 +parked/);

    await machine.cut();
    await start(1);
    const lost = await machine.run('torpor switch debian12 --json');
    assert.match(lost.output, /E_PARKING/);
    await makeArea(1);
    assert.doesNotMatch(await must(machine, 'torpor status'), /debian12/);
  } finally {
    await machine.cut();
  }
  rmSync(directory, { recursive: true });
});
