/**
 * The image engine on the stock kernels of Debian 12 and 13, each in a machine of its own: a snapshot,
 * a restore from the running system, and one at the next start after a power cut, under every survival
 * program. What only memory holds, what is on the disk and what a database has begun have to be those of
 * the snapshot. `TORPOR_LAB_ALL=1` runs it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
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

const skip =
  process.env.TORPOR_LAB_ALL !== '1' && 'a machine for each of two stock kernels: TORPOR_LAB_ALL=1';

for (const kind of ['stock12-survival', 'stock13-survival'] as const) {
  test(`${kind}: a snapshot comes back in place and at the next start`, {
    skip,
    timeout: 90 * 60_000,
  }, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), `torpor-${kind}-`));
    const debian = await ensureStockDebian(kind, () => {});
    const machine = await StockMachine.make(debian, directory);
    try {
      await machine.start();
      const run = (name: string): string =>
        `/opt/torpor/bin/guard /opt/torpor/bin/node /opt/torpor/${name}.mjs`;
      assert.match(await must(machine, run('allocation-stress')), /"pages":\d{4}/);
      const killed = await machine.run(run('killed-freeze'));
      assert.equal(killed.status, 128 + constants.signals.SIGKILL, killed.output);
      await must(machine, 'echo written >/root/written && sync');
      await must(machine, 'torpor bank init');
      const witness = await Witness.open(machine);
      for (const { id, reason } of witness.skipped) t.diagnostic(`not run: ${id}, ${reason}`);
      await witness.prepare();
      await witness.verify();

      const { moment, answer } = await leaveMoment(machine, witness, 'one', '--check');
      t.diagnostic(JSON.stringify(answer));
      await witness.verify();

      const spoil = 'rm -r /var/lib/survival; head -c 20000000 /dev/urandom > /root/other; sync';
      await must(machine, spoil);
      const { reference } = moment;
      const back = await machine.replaceBy(moment.script, `torpor restore ${reference}`);
      const { outcome, generation } = parseJson<SnapshotAnswer>(back);
      assert.deepEqual([outcome, generation], ['restored', 1]);
      await requireMoment(machine, witness, moment);
      await witness.verify();
      await must(machine, '[ ! -e /root/other ]');

      const { release, sha256 } = await installInitramfs(machine);
      await must(machine, spoil);
      await must(machine, `torpor restore ${reference} --at-boot`);
      await machine.cut();
      await machine.adoptInitrd(release, sha256);
      const atBoot = parseJson<SnapshotAnswer>(await machine.powerOnInto(moment.script));
      assert.deepEqual([atBoot.outcome, atBoot.generation], ['restored', 2]);
      await requireMoment(machine, witness, moment);
      await stopInOrder(machine, witness);
      await requireClean([machine.rootDisk(0), machine.bankDisk]);
    } finally {
      await machine.cut();
    }
    rmSync(directory, { recursive: true });
  });
}
