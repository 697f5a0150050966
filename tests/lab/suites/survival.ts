import assert from 'node:assert/strict';
import type { Lab } from '../fixture.ts';
import { labTest, type Suite } from '../lab-test.ts';
import { verifyOses, watchOs } from '../witnesses.ts';

const ROUNDS = 3;

export const survival: Suite = {
  name: 'survival',
  define(lab) {
    labTest(lab, 'every program of every OS is prepared', () => prepare(lab), 15);
    for (let round = 1; round <= ROUNDS; round += 1) {
      const order = round % 2 === 0 ? 'back' : 'forth';
      labTest(lab, `every program went on, round ${round} ${order}`, () => goRound(lab, round), 15);
    }
    labTest(lab, 'transactions are committed and texts saved at the end', () => finish(lab));
    labTest(lab, 'what did not go on is noticed', () => notice(lab));
  },
};

async function prepare(lab: Lab): Promise<void> {
  for (const name of lab.names) {
    const witness = await watchOs(lab, name, 'all');
    for (const { id, reason } of witness.skipped) console.log(`not run in ${name}: ${id}, ${reason}`);
    await witness.verify();
  }
}

async function goRound(lab: Lab, round: number): Promise<void> {
  await verifyOses(lab, round % 2 === 0 ? lab.names.toReversed() : lab.names);
}

async function finish(lab: Lab): Promise<void> {
  for (const name of lab.names) await (await watchOs(lab, name, [])).finish();
  await lab.go(lab.home);
}

/** The proof of the proof: one process is killed and one byte is changed, and just these are named. */
async function notice(lab: Lab): Promise<void> {
  const witness = await watchOs(lab, lab.home);
  await witness.verify();
  await lab.sh(
    "kill -9 $(ps | awk '/[n]once\\.sh/ { print $1 }') && printf x | dd of=/run/survival/tmpfs-file bs=1 seek=5000 conv=notrunc",
  );
  await assert.rejects(witness.verify(), ({ message }: Error) => {
    const named = [...message.matchAll(/^ {2}- ([\w-]+):/gm)].map(([, id]) => id);
    assert.deepEqual(named.toSorted(), ['nonce', 'tmpfs-file'], message);
    return true;
  });
}
