import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { SeededRandom } from '../../soak/random.ts';
import { BANK, readBankFiles, verifyBank } from '../bank/bank-files.ts';
import { CutDrill } from '../bank/cut-drill.ts';
import { freePagesOf } from '../bank/free-pages.ts';
import { GO_ON_MS, leaveMoment, type PastMoment, rememberMoment, requireMoment } from '../bank/moment.ts';
import { compareCopies, copyOs, diskOf } from '../bank/os-image.ts';
import type { Lab } from '../fixture.ts';
import { labTest, type Suite } from '../lab-test.ts';
import { watchOs } from '../witnesses.ts';

const CUTS = 2;

export const bank: Suite = {
  name: 'the bank',
  define(lab) {
    const moments = new Map<string, PastMoment>();
    labTest(lab, 'an OS that was saved is set back in place, page for page', () => setBack(lab, moments), 8);
    labTest(lab, 'an OS saves itself and goes on', () => saveItself(lab, moments), 8);
    labTest(lab, 'after a power cut it goes on from there, and stops in order', () => goOn(lab, moments), 10);
    labTest(lab, 'the power fails in the middle of a restore', () => cutRestore(lab, moments), 8);
    labTest(lab, `the power fails at ${CUTS} random moments`, () => cutAnywhere(lab), 15);
  },
};

/** The OS that takes the least time, and a whole Debian. */
const smallOf = (lab: Lab): string => lab.guests[0]!;
const debianOf = (lab: Lab): string => lab.guests.find((name) => name.startsWith('debian'))!;

async function setBack(lab: Lab, moments: Map<string, PastMoment>): Promise<void> {
  const os = smallOf(lab);
  const witness = await watchOs(lab, os, [...INSIDE, 'host-connection']);
  const moment = await rememberMoment(lab, witness);
  await lab.go(lab.home);
  const saved = await lab.machine.snapshot(os, { tag: 'first', note: 'of the test' });
  assert.equal(saved.reference, `${os}@first`);
  assert.deepEqual(saved.doubts, []);
  // It has come to rest for the snapshot, and has not run since.
  const frozen = await copyOs(lab.machine, os, 'frozen');
  const free = freePagesOf(frozen.files.disk);

  await lab.go(os);
  moments.set(os, await leaveMoment(lab, moment));
  await lab.go(lab.home);

  const restored = await lab.machine.restore(`${os}@first`, { check: true });
  assert.equal(restored.generation, 1);
  const now = await copyOs(lab.machine, os, 'restored');
  const differences = compareCopies(frozen, now, free);
  assert.equal(differences.disk.pages, 0, JSON.stringify(differences));
  assert.equal(differences.low.pages, 0, JSON.stringify(differences));
  // Nobody owned the pages that differ: they are empty now, and there are no more of them than free ones.
  assert.equal(differences.memory.notZero, 0, JSON.stringify(differences));
  assert.ok(
    differences.memory.pages * 4096 <= Number(saved.freeBytes),
    JSON.stringify({ differences, saved }),
  );
  frozen.remove();
  now.remove();
  await requireMoment(lab, os, moments.get(os)!);
  await lab.go(lab.home);
}

const INSIDE = ['nonce', 'tmpfs-file', 'growing-file', 'unlinked-file', 'pipe-in-flight'];

/** The command is started by hand in a script, so that its second return can be seen after a restore. */
async function saveItself(lab: Lab, moments: Map<string, PastMoment>): Promise<void> {
  const os = debianOf(lab);
  const witness = await watchOs(lab, os, [...INSIDE, 'python', 'sqlite', 'editor', 'host-connection']);
  const moment = await rememberMoment(lab, witness);
  await lab.sh(
    `/opt/torpor/bin/torpor snapshot --tag self --json >/run/self.json 2>/run/self.err; echo $? >/run/self.exit`,
    { timeoutMs: 1_800_000 },
  );
  assert.equal(await lab.sh('cat /run/self.exit'), '0', await lab.sh('cat /run/self.err'));
  const saved = JSON.parse(await lab.sh('cat /run/self.json'));
  assert.equal(saved.reference, `${os}@self`);
  assert.ok(saved.pauseMs > 0 && saved.pauseMs < 1_800_000, JSON.stringify(saved));
  moments.set(os, await leaveMoment(lab, moment));
  await lab.go(lab.home);
}

async function goOn(lab: Lab, moments: ReadonlyMap<string, PastMoment>): Promise<void> {
  const os = debianOf(lab);
  await lab.powerCycle();
  await verifyBank(lab.machine);
  assert.equal((await lab.slotOf(os))?.state ?? 'empty', 'empty');
  await lab.machine.enter(`${os}@self`);
  await requireMoment(lab, os, moments.get(os)!);
  // `torpor snapshot` has returned once more, in an OS that learns where it is.
  const answer = JSON.parse(
    await lab.sh('until [ -s /run/self.exit ]; do sleep 0.2; done; cat /run/self.json'),
  );
  assert.equal(answer.restored.reference, `${os}@self`);
  assert.equal(answer.restored.generation, 1);
  assert.ok(answer.awayMs > GO_ON_MS);
  const clockMs = Number(await lab.sh('date +%s')) * 1000;
  assert.ok(Math.abs(clockMs - Date.now()) < 5_000, `its clock is off by ${clockMs - Date.now()} ms`);

  await lab.go(lab.home);
  const stopped = await lab.torpor(['stop', os, '--json']);
  assert.equal(stopped.exit, 0, stopped.stderr);
  const check = spawnSync('e2fsck', ['-f', '-n', diskOf(lab.machine, os)], { encoding: 'utf8' });
  assert.equal(check.status, 0, `${check.stdout}${check.stderr}`);
  assert.doesNotMatch(`${check.stdout}${check.stderr}`, /recover|not cleanly/i);
}

async function cutRestore(lab: Lab, moments: ReadonlyMap<string, PastMoment>): Promise<void> {
  const os = smallOf(lab);
  await lab.go(lab.home);
  const restoring = lab.machine.restore(`${os}@first`).catch(() => null);
  // The journal tells that the first page may have been written.
  await lab.sh(`until [ -s ${BANK}/torpor/restoring.json ]; do sleep 0.1; done`);
  await lab.machine.powerCut();
  assert.equal(await restoring, null, 'the restore had ended');
  await lab.machine.powerOn();

  const { unfinishedRestore } = await lab.status();
  assert.equal(unfinishedRestore?.reference, `${os}@first`);
  assert.match((await lab.torpor([])).stdout, new RegExp(`${os}@first`));
  await lab.refusal(['boot', os], 'E_RESTORE_UNFINISHED');
  await lab.machine.restore(`${os}@first`, { check: true });
  assert.equal((await lab.status()).unfinishedRestore, null);
  await requireMoment(lab, os, moments.get(os)!);
  await lab.go(lab.home);
}

async function cutAnywhere(lab: Lab): Promise<void> {
  const os = smallOf(lab);
  const drill = new CutDrill(lab.machine, new SeededRandom(20_261_123), os);
  await drill.prepare(await watchOs(lab, os));
  for (let cut = 1; cut <= CUTS; cut += 1) {
    const step = await drill.step();
    console.log(JSON.stringify(step));
    assert.deepEqual(step.problems, [], JSON.stringify(step));
  }
  const { snapshots } = await readBankFiles(lab.machine);
  assert.ok(snapshots.has(`${os}@first`), 'the snapshots of before are there');
}
