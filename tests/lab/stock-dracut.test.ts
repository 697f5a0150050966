/**
 * A stock Debian whose initramfs is made by dracut: a restore that waits is performed at the next start, also after a
 * power cut, and a parked OS goes on there. `TORPOR_LAB_ALL=1` runs it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { GIB } from '../../src/base/units.ts';
import { Witness } from '../survival/witness.ts';
import { ensureStockDebian } from './stock/debian-stock.ts';
import {
  installInitramfs,
  leaveMoment,
  must,
  parseJson,
  requireMoment,
  type SnapshotAnswer,
} from './stock/moment.ts';
import { requireClean, stopInOrder } from './stock/orderly-stop.ts';
import { StockMachine } from './stock/stock-machine.ts';

const skip = process.env.TORPOR_LAB_ALL !== '1' && 'a machine with a stock kernel: TORPOR_LAB_ALL=1';
const PROGRAMS = ['nonce', 'tmpfs-file', 'sqlite', 'pipe-in-flight', 'growing-file'];

test('the initramfs of dracut restores, and resumes what was parked', {
  skip,
  timeout: 60 * 60_000,
}, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'torpor-dracut-'));
  const machine = await StockMachine.makeWith(
    [await ensureStockDebian('stock13-dracut', () => {})],
    directory,
    GIB,
  );
  try {
    await machine.start();
    assert.match(
      await must(machine, 'command -v dracut; command -v update-initramfs || echo none'),
      /dracut\nnone/,
    );
    await must(machine, 'torpor bank init && torpor parking init /dev/vdc --slots 2 --name work');
    const witness = await Witness.open(machine);
    await witness.prepare(PROGRAMS);
    // The first snapshot makes the staging area, which the initramfs has to know.
    await leaveMoment(machine, witness, 'before-the-initramfs');
    const { release, sha256 } = await installInitramfs(machine);
    const { moment } = await leaveMoment(machine, witness, 'one');
    await witness.verify();

    await must(machine, 'rm -r /var/lib/survival; sync');
    await must(machine, `torpor restore ${moment.reference} --at-boot`);
    await machine.cut();
    await machine.adoptInitrd(release, sha256);
    const restored = parseJson<SnapshotAnswer>(await machine.powerOnInto(moment.script));
    assert.deepEqual([restored.outcome, restored.generation], ['restored', 1]);
    await requireMoment(machine, witness, moment);
    await witness.verify();

    const parked = machine.begin('torpor park --json');
    await machine.off();
    const resumed = await machine.powerOnInto(parked.id);
    t.diagnostic(resumed.output.replaceAll(/\s+/g, ' '));
    assert.equal(resumed.status, 0, resumed.output);
    await stopInOrder(machine, witness);
    await requireClean([machine.rootDisk(0), machine.bankDisk]);

    // Nothing waits any more: it starts as any other does.
    await machine.start();
    assert.match(await must(machine, 'torpor bank ls'), /before-the-initramfs/);
  } finally {
    await machine.cut();
  }
  rmSync(directory, { recursive: true });
});
