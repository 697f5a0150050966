import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../fixture.ts';
import { labTest, type Suite } from '../lab-test.ts';
import { verifyOses, watchOs } from '../witnesses.ts';

/** Not tested: a guest that dies before it has joined has no crash image yet and resets the machine. */
export const crash: Suite = {
  name: 'crashes',
  define(lab) {
    labTest(lab, 'a panic on processor 0 comes back to home', () => panic(lab, lab.guests[0]!, 0), 8);
    labTest(lab, 'a panic on processor 1 comes back to home', () => panic(lab, lab.guests[1]!, 1), 8);
  },
};

async function panic(lab: Lab, name: string, processor: number): Promise<void> {
  const others = lab.names.filter((other) => other !== name);
  for (const other of others) await watchOs(lab, other);
  await lab.go(name);
  const mark = `last words of ${name} ${Date.now()}`;
  const script = `echo '${mark}' >/dev/kmsg; exec taskset ${1 << processor} sh -c 'echo c >/proc/sysrq-trigger'`;
  lab.exec(['sh', '-c', script], { timeoutMs: 20_000 }).catch(() => {});
  for (let tries = 0; (await lab.machine.ping(5_000).catch(() => null))?.os !== lab.home; tries += 1) {
    assert.ok(tries < 30, `${lab.home} does not answer after the panic`);
    await sleep(500);
  }

  const status = await lab.status();
  assert.equal(status.running, lab.home);
  assert.deepEqual([status.lastSwitch!.from, status.lastSwitch!.mode], [name, 'crash']);
  assert.equal(status.slots.find((slot) => slot.name === name)!.state, 'crashed');
  const shown = await lab.torpor(['show', name, '--lines', '80']);
  assert.equal(shown.exit, 0, shown.stderr);
  assert.match(shown.stdout, new RegExp(`“${name}” in slot \\d+: crashed`));
  assert.match(shown.stdout, new RegExp(mark));
  assert.match(shown.stdout, /Kernel panic - not syncing: sysrq triggered crash/);
  assert.match(shown.stdout, new RegExp(`CPU: ${processor} `));
  const { log } = JSON.parse((await lab.torpor(['show', name, '--json'])).stdout);
  assert.ok(log.length > 5);

  const hint = (await lab.refusal(['switch', name], 'E_OS_CRASHED')).hint!;
  assert.match(hint, new RegExp(`torpor stop --force ${name}`));
  await lab.refusal(['stop', name], 'E_OS_CRASHED');
  assert.match((await lab.refusal(['boot', name], 'E_OS_BOOTED')).hint!, /torpor stop --force/);
  // Home runs on both processors and can be left: the others are as they were.
  assert.equal(await lab.sh('grep -c ^processor /proc/cpuinfo'), String(lab.machine.spec.cpus));
  await verifyOses(lab, others.toReversed());

  await lab.go(lab.home);
  const dropped = await lab.torpor(['stop', '--force', name]);
  assert.equal(dropped.exit, 0, dropped.stderr);
  await lab.machine.boot(name);
  await (await watchOs(lab, name)).verify();
  await lab.go(lab.home);
}
