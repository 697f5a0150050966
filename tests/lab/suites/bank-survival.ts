import assert from 'node:assert/strict';
import { leaveMoment, type PastMoment, rememberMoment, requireMoment } from '../bank/moment.ts';
import type { Lab } from '../fixture.ts';
import { labTest, type Suite } from '../lab-test.ts';
import { verifyOses, watchOs } from '../witnesses.ts';

const TAG = 'all';

export const bankSurvival: Suite = {
  name: 'every program out of the bank',
  define(lab) {
    const moments = new Map<string, PastMoment>();
    labTest(lab, 'every OS saves itself, and every program goes on', () => saveAll(lab, moments), 30);
    labTest(lab, 'guests share what they have in common', () => share(lab), 15);
    labTest(lab, 'one guest saves another and sets it back', () => fromGuest(lab, moments), 20);
    labTest(lab, 'an OS sets itself back', () => setItselfBack(lab, moments), 15);
    labTest(lab, 'after a power cut every program of every OS goes on', () => comeBack(lab, moments), 30);
    labTest(lab, 'hooks know where they are, and no two restores are the same', () => hooks(lab), 20);
    labTest(lab, 'transactions are committed and texts saved at the end', () => finish(lab), 10);
  },
};

async function saveAll(lab: Lab, moments: Map<string, PastMoment>): Promise<void> {
  for (const os of lab.guests) {
    const witness = await watchOs(lab, os, 'all');
    const moment = await rememberMoment(lab, witness);
    const saved = await lab.machine.snapshot(null, { tag: TAG });
    console.log(os, JSON.stringify(saved));
    assert.equal(saved.reference, `${os}@${TAG}`);
    assert.equal((await lab.machine.ping()).os, os);
    moments.set(os, await leaveMoment(lab, moment));
  }
  await verifyOses(lab, lab.guests);
}

/** Both Debians have the program and the Node of the tool disk in memory. */
async function share(lab: Lab): Promise<void> {
  await lab.go(lab.home);
  const [os] = lab.guests;
  const again = await lab.machine.snapshot(os!, { tag: 'again' });
  const [stored, shared] = [Number(again.newBytes), Number(again.sharedBytes)];
  assert.ok(stored < shared / 2, JSON.stringify(again));
  const { stdout } = await lab.torpor(['bank', 'stats', '--json']);
  console.log(stdout);
}

async function fromGuest(lab: Lab, moments: ReadonlyMap<string, PastMoment>): Promise<void> {
  const [target, , asker] = lab.guests;
  await lab.go(asker!);
  const { witness } = moments.get(asker!)!;
  await witness.verify();
  await lab.machine.snapshot(target!, { tag: 'by-another' });
  assert.equal((await lab.machine.ping()).os, asker);
  await lab.machine.restore(`${target}@${TAG}`, { check: true });
  assert.equal((await lab.machine.ping()).os, asker);
  await witness.verify();
  await requireMoment(lab, target!, moments.get(target!)!);
}

async function setItselfBack(lab: Lab, moments: ReadonlyMap<string, PastMoment>): Promise<void> {
  const os = lab.guests[1]!;
  await lab.go(os);
  await moments.get(os)!.witness.verify();
  const { bootId } = await lab.machine.ping();
  const pong = await lab.machine.enter(`${os}@${TAG}`);
  assert.deepEqual([pong.os, pong.bootId], [os, bootId]);
  await requireMoment(lab, os, moments.get(os)!);
}

async function comeBack(lab: Lab, moments: ReadonlyMap<string, PastMoment>): Promise<void> {
  await lab.powerCycle();
  for (const os of lab.guests) await lab.machine.restore(`${os}@${TAG}`);
  for (const os of lab.guests) await requireMoment(lab, os, moments.get(os)!);
  // All of them are whole residents again.
  for (const os of [...lab.guests, ...lab.guests.toReversed()]) {
    await lab.go(os);
    await moments.get(os)!.witness.verify();
  }
  await lab.go(lab.home);
}

const HOOK = `#!/bin/sh
{ echo "$0 os=$TORPOR_OS to=$TORPOR_TO from=$TORPOR_FROM snapshot=$TORPOR_SNAPSHOT generation=$TORPOR_GENERATION away=$TORPOR_AWAY_SECONDS"
  echo "random $(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \\n')"; } >>/run/hooks.log
`;

async function hooks(lab: Lab): Promise<void> {
  const [os] = lab.guests;
  await lab.go(os!);
  for (const kind of ['pre-park', 'post-resume', 'post-restore']) {
    const file = `/etc/torpor/${kind}.d/10-test`;
    await lab.sh(`mkdir -p /etc/torpor/${kind}.d; cat >${file}; chmod 755 ${file}`, {
      stdin: Buffer.from(HOOK),
    });
  }
  await lab.go(lab.home);
  await lab.machine.snapshot(os!, { tag: 'hooked' });
  const seen: string[][] = [];
  for (const generation of [1, 2]) {
    await lab.machine.restore(`${os}@hooked`);
    await lab.go(os!);
    const lines = (await lab.sh('cat /run/hooks.log')).split('\n');
    const of = (kind: string) => lines.findLast((line) => line.includes(`/${kind}.d/`)) ?? '';
    assert.match(of('pre-park'), new RegExp(`os=${os} to=${lab.home}`));
    assert.match(of('post-resume'), new RegExp(`os=${os} .*from=${lab.home} .*away=\\d+`));
    assert.match(of('post-restore'), new RegExp(`snapshot=${os}@hooked generation=${generation} away=\\d+`));
    seen.push(lines.filter((line) => line.startsWith('random')).slice(-2));
    const clockMs = Number(await lab.sh('date +%s')) * 1000;
    assert.ok(Math.abs(clockMs - Date.now()) < 5_000, `its clock is off by ${clockMs - Date.now()} ms`);
    await lab.go(lab.home);
  }
  assert.equal(new Set(seen.flat()).size, 4, JSON.stringify(seen));
  await lab.go(os!);
  await lab.sh('rm -r /etc/torpor/*.d; rm /run/hooks.log');
}

async function finish(lab: Lab): Promise<void> {
  for (const os of lab.guests) {
    await lab.go(os);
    await (await watchOs(lab, os, [])).finish();
  }
  await lab.go(lab.home);
}
