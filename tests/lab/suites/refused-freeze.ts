import assert from 'node:assert/strict';
import { installScript } from '../../support/guest-script.ts';
import type { Lab } from '../fixture.ts';
import { labTest, type Suite } from '../lab-test.ts';
import { verifyOses, watchOs } from '../witnesses.ts';

/** Less than the kernel's own 20 s: it gives up all the same. */
const FREEZE_TIMEOUT_MS = 3000;

export const refusedFreeze: Suite = {
  name: 'a freeze that the kernel refuses',
  define(lab) {
    labTest(
      lab,
      'a task that waits for a silent FUSE server is named, and the OS goes on',
      () => stuckReader(lab),
      8,
    );
    labTest(lab, 'so is a boot, which leaves no half-loaded slot', () => stuckBoot(lab), 8);
  },
};

/** Runs `action` while `cat` waits in home for a file that nobody will ever give it. */
async function withStuckTask(lab: Lab, action: () => Promise<void>): Promise<void> {
  await watchOs(lab, lab.home);
  await lab.go(lab.home);
  const command = (await installScript(lab.machine, 'stuck-reader')).join(' ');
  await lab.sh(`mkdir -p /mnt/stuck; echo ${FREEZE_TIMEOUT_MS} >/sys/power/pm_freeze_timeout
    setsid ${command} /mnt/stuck >/run/stuck.log 2>&1 & echo $! >/run/stuck.pid
    i=0; until grep -q mounted /run/stuck.log; do i=$((i + 1)); [ $i -lt 100 ] || { cat /run/stuck.log; exit 1; }; sleep 0.2; done
    sleep 1`);
  try {
    await action();
  } finally {
    await lab.sh(
      'kill -9 $(cat /run/stuck.pid); sleep 1; umount /mnt/stuck; echo 20000 >/sys/power/pm_freeze_timeout',
    );
  }
}

async function stuckReader(lab: Lab): Promise<void> {
  const [guest] = lab.guests;
  await watchOs(lab, guest!);
  await withStuckTask(lab, async () => {
    const before = await lab.status();
    const error = await lab.refusal(['switch', guest!], 'E_FREEZE_REFUSED');
    assert.ok((error.facts.tasks as string[]).includes('cat'), JSON.stringify(error));
    assert.match(error.hint!, /cat/);
    assert.deepEqual(await lab.status(), before);
    await verifyOses(lab, [lab.home]);
    // The agent's own request says the same.
    await assert.rejects(lab.machine.switchTo(guest!), { code: 'E_FREEZE_REFUSED' });
    const { checks } = JSON.parse((await lab.torpor(['doctor', '--json'])).stdout);
    const freezing = checks.find(({ id }: { id: string }) => id === 'freezing');
    assert.equal(freezing.status, 'warning', JSON.stringify(freezing));
  });
  await lab.machine.switchTo(guest!);
  await verifyOses(lab, [guest!, lab.home]);
}

async function stuckBoot(lab: Lab): Promise<void> {
  const [guest] = lab.guests;
  await lab.go(lab.home);
  await lab.torpor(['stop', '--force', guest!]);
  await withStuckTask(lab, async () => {
    await lab.refusal(['boot', guest!], 'E_FREEZE_REFUSED');
    assert.equal((await lab.status()).slots[1]!.state, 'empty');
  });
  await lab.settle();
}
