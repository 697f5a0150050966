/**
 * The image engine on the stock kernels of Debian 12 and 13, each in a machine of its own: a snapshot,
 * a restore from the running system, and one at the next start after a power cut. What only memory holds,
 * what is on the disk and a database have to be those of the snapshot. `TORPOR_LAB_ALL=1` runs it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ensureStockDebian } from './stock/debian-stock.ts';
import { StockMachine } from './stock/stock-machine.ts';
import { readState, START_WITNESS, STATE } from './stock/witness-state.ts';

const skip =
  process.env.TORPOR_LAB_ALL !== '1' && 'a machine for each of two stock kernels: TORPOR_LAB_ALL=1';

for (const kind of ['stock12', 'stock13'] as const) {
  test(`${kind}: a snapshot comes back in place and at the next start`, {
    skip,
    timeout: 90 * 60_000,
  }, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), `torpor-${kind}-`));
    const debian = await ensureStockDebian(kind, () => {});
    const machine = await StockMachine.make(debian, directory);
    const run = async (script: string): Promise<string> => {
      const { status, output } = await machine.run(script, 30 * 60_000);
      assert.equal(status, 0, output);
      return output;
    };
    try {
      await machine.start();
      const stress = await run('/opt/torpor/bin/node /opt/torpor/stress.mjs');
      assert.match(stress, /"pages":\d{4}/);
      await run(`torpor bank init && ${START_WITNESS}`);
      const start = readState(await machine.run(STATE), 'before', 'same');

      const snapshot = machine.begin('torpor snapshot --tag one --json');
      const saved = await snapshot.result;
      t.diagnostic(saved.output);
      assert.equal(saved.status, 0, saved.output);
      assert.match(saved.output, /"outcome": "saved"/);
      const on = readState(await machine.run(STATE), 'before', 'same');
      assert.equal(on.nonce, start.nonce);

      const spoil =
        'echo after > /root/note; rm /root/blob; head -c 20000000 /dev/urandom > /root/other; sync';
      await run(spoil);
      const back = await machine.replaceBy(snapshot.id, 'torpor restore stock@one');
      assert.match(back.output, /"outcome": "restored"/);
      const restored = readState(await machine.run(STATE), 'before', 'same');
      assert.equal(restored.nonce, start.nonce);
      assert.ok(restored.count < on.count + 300, 'the count is that of the snapshot');

      await run('sh /opt/torpor/boot/install');
      const release = await run('uname -r');
      const [initrd = ''] = (await run(`sha256sum /boot/initrd.img-${release}`)).split(' ');
      await run(spoil);
      await run('torpor restore stock@one --at-boot');
      await machine.cut();
      await machine.adoptInitrd(release, initrd);
      const atBoot = await machine.powerOnInto(snapshot.id);
      assert.match(atBoot.output, /"outcome": "restored"/);
      assert.equal(readState(await machine.run(STATE), 'before', 'same').nonce, start.nonce);
    } finally {
      await machine.cut();
    }
    rmSync(directory, { recursive: true });
  });
}
