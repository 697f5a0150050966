import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../fixture.ts';
import { labTest, type Suite } from '../lab-test.ts';
import { verifyOses, watchOs } from '../witnesses.ts';

export const stop: Suite = {
  name: 'stopping',
  define(lab) {
    labTest(lab, 'what cannot be stopped is refused', () => refusals(lab));
    labTest(
      lab,
      'a parked Debian stops in order: its disk is clean, the others go on',
      () => stopParked(lab),
      8,
    );
    labTest(lab, 'one guest stops another', () => stopFromGuest(lab), 6);
    labTest(lab, 'the running guest stops itself, and home runs', () => stopItself(lab), 6);
    labTest(lab, '--force drops a parked OS at once', () => force(lab), 6);
  },
};

async function refusals(lab: Lab): Promise<void> {
  await lab.go(lab.home);
  await lab.refusal(['stop', lab.home], 'E_OS_STATE');
  await lab.refusal(['stop', 'nowhere'], 'E_OS_UNKNOWN');
  const [guest] = lab.guests;
  await lab.go(guest!);
  await lab.refusal(['stop', '--force', guest!], 'E_OS_RUNNING');
  await lab.refusal(['stop', '--force', lab.home], 'E_OS_STATE');
  const before = await lab.status();
  const dry = await lab.torpor(['stop', guest!, '--dry-run', '--json']);
  assert.deepEqual(JSON.parse(dry.stdout), { how: 'shut down', slot: 1 });
  assert.deepEqual(await lab.status(), before);
  await lab.go(lab.home);
}

async function stopParked(lab: Lab): Promise<void> {
  const name = debianOf(lab);
  const others = lab.guests.filter((guest) => guest !== name);
  for (const other of [...others, lab.home]) await watchOs(lab, other);
  await watchOs(lab, name);
  const { bootId } = await lab.machine.ping();
  await lab.go(lab.home);
  const ran = await lab.torpor(['stop', name, '--json']);
  assert.equal(ran.exit, 0, ran.stderr);
  const slot = await emptySlot(lab, name);
  assert.deepEqual(JSON.parse(ran.stdout), { stopped: name, slot });
  assert.equal((await lab.machine.ping()).os, lab.home);
  requireCleanDisk(lab, name);
  await lab.refusal(['switch', name], 'E_OS_UNKNOWN');
  await lab.refusal(['stop', name], 'E_OS_UNKNOWN');
  await verifyOses(lab, [...others, lab.home]);

  await lab.machine.boot(name);
  await lab.go(name);
  assert.notEqual((await lab.machine.ping()).bootId, bootId);
  assert.equal((await lab.slotOf(name)).slot, slot);
  // The growing file of before is whole as far as it was written.
  await (await watchOs(lab, name)).verify();
  await lab.go(lab.home);
}

async function stopFromGuest(lab: Lab): Promise<void> {
  const [first, ...rest] = lab.guests;
  const name = rest.at(-1)!;
  await watchOs(lab, first!);
  const ran = await lab.torpor(['stop', name]);
  assert.equal(ran.exit, 0, ran.stderr);
  assert.equal((await lab.machine.ping()).os, first);
  await emptySlot(lab, name);
  requireCleanDisk(lab, name);
  await verifyOses(lab, [first!]);
  // Its files are in home: only there it can be booted.
  await lab.refusal(['boot', name], 'E_OS_UNKNOWN');
  await lab.go(lab.home);
  await lab.machine.boot(name);
}

async function stopItself(lab: Lab): Promise<void> {
  const [first] = lab.guests;
  await watchOs(lab, lab.home);
  await lab.go(first!);
  // Nobody is left to answer.
  lab.torpor(['stop', first!], { timeoutMs: 60_000 }).catch(() => {});
  for (let tries = 0; (await lab.machine.ping(5_000).catch(() => null))?.os !== lab.home; tries += 1) {
    assert.ok(tries < 60, `${lab.home} does not run`);
    await sleep(1000);
  }
  await emptySlot(lab, first!);
  assert.equal((await lab.status()).lastSwitch!.mode, 'leave');
  requireCleanDisk(lab, first!);
  await verifyOses(lab, [lab.home]);
  await lab.machine.boot(first!);
}

async function force(lab: Lab): Promise<void> {
  const [first] = lab.guests;
  await lab.go(lab.home);
  const before = (await lab.status()).switches;
  const ran = await lab.torpor(['stop', '--force', first!]);
  assert.equal(ran.exit, 0, ran.stderr);
  await emptySlot(lab, first!);
  assert.equal((await lab.status()).switches, before, 'nobody went there');
  await lab.machine.boot(first!);
  await lab.go(first!);
  await lab.go(lab.home);
}

/** The last Debian: to boot the others again takes less time. */
function debianOf(lab: Lab): string {
  return lab.guests.findLast((name) => name.startsWith('debian')) ?? lab.guests.at(-1)!;
}

/** The slot that the OS had is empty now; returns its number. */
async function emptySlot(lab: Lab, name: string): Promise<number> {
  const number = lab.machine.spec.oses.find((os) => os.name === name)!.number;
  const slot = (await lab.status()).slots.find((each) => each.slot === number)!;
  assert.equal(slot.state, 'empty', JSON.stringify(slot));
  return number;
}

/** Nothing uses the disk now: its file is what the disk holds. */
function requireCleanDisk(lab: Lab, name: string): void {
  const disk = lab.machine.spec.disks.find(({ os }) => os === name)!;
  const { status, stdout, stderr } = spawnSync('e2fsck', ['-f', '-n', disk.path], { encoding: 'utf8' });
  assert.equal(status, 0, `${stdout}${stderr}`);
  assert.doesNotMatch(`${stdout}${stderr}`, /recover|not cleanly/i);
}
