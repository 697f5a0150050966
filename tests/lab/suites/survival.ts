import type { Lab } from '../fixture.ts';
import { labTest, type Suite } from '../lab-test.ts';
import { verifyOses, watchOs } from '../witnesses.ts';

const ROUNDS = 3;

export const survival: Suite = {
  name: 'survival',
  define(lab) {
    labTest(lab, 'every program of every OS is prepared', () => prepare(lab), 10);
    for (let round = 1; round <= ROUNDS; round += 1) {
      const order = round % 2 === 0 ? 'back' : 'forth';
      labTest(lab, `every program went on, round ${round} ${order}`, () => goRound(lab, round), 8);
    }
    labTest(lab, 'transactions are committed and texts saved at the end', () => finish(lab));
  },
};

async function prepare(lab: Lab): Promise<void> {
  for (const name of lab.names) await (await watchOs(lab, name, 'all')).verify();
}

async function goRound(lab: Lab, round: number): Promise<void> {
  await verifyOses(lab, round % 2 === 0 ? lab.names.toReversed() : lab.names);
}

async function finish(lab: Lab): Promise<void> {
  for (const name of lab.names) await (await watchOs(lab, name, [])).finish();
  await lab.go(lab.home);
}
