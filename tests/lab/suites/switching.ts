import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SwitchReport } from '../../../src/engine/resident/switch-report.ts';
import type { Lab } from '../fixture.ts';
import { labTest, type Suite } from '../lab-test.ts';
import { verifyOses, watchOs } from '../witnesses.ts';

export const switching: Suite = {
  name: 'switching',
  define(lab) {
    labTest(
      lab,
      'every OS goes directly to every other, and each switch is timed whole',
      () => everyPair(lab),
      10,
    );
    labTest(lab, 'status says the same in every OS', () => statusEverywhere(lab));
    labTest(lab, 'a switch by hand in a shell comes back with its report', () => switchByHand(lab));
    labTest(lab, 'a switch to nowhere, to itself or by a damaged request is refused', () => refusals(lab));
  },
};

async function everyPair(lab: Lab): Promise<void> {
  const bootIds = new Map<string, string>();
  for (const name of lab.names) {
    await watchOs(lab, name);
    bootIds.set(name, (await lab.machine.ping()).bootId);
  }
  await lab.go(lab.home);
  for (const [from, to] of circuit(lab.names)) {
    assert.equal((await lab.machine.ping()).os, from);
    const { report, os } = await lab.machine.switchTo(to);
    assert.equal(os, to);
    checkReport(report, from, to);
    assert.equal((await lab.machine.ping()).bootId, bootIds.get(to), `${to} is the one that was parked`);
  }
  await verifyOses(lab, lab.names);
}

/** A walk from the first that goes along every pair in either direction once, and ends where it began. */
function circuit(names: readonly string[]): [string, string][] {
  const open = new Map(names.map((name) => [name, names.filter((other) => other !== name).toReversed()]));
  const path: string[] = [];
  const stack = [names[0]!];
  while (stack.length > 0) {
    const next = open.get(stack.at(-1)!)!.pop();
    if (next === undefined) path.push(stack.pop()!);
    else stack.push(next);
  }
  path.reverse();
  return path.slice(1).map((to, index) => [path[index]!, to]);
}

function checkReport(report: SwitchReport | null, from: string, to: string): asserts report is SwitchReport {
  const what = `${from} → ${to}: ${JSON.stringify(report)}`;
  assert.ok(report, `${what}: no report`);
  assert.deepEqual([report.from, report.to, report.mode], [from, to, 'park'], what);
  assert.ok(report.phasesMs, `${what}: no phases`);
  assert.ok(report.resumeMs, `${what}: no parts of resume`);
  for (const ms of [...Object.values(report.phasesMs), ...Object.values(report.resumeMs)]) {
    assert.ok(ms >= 0 && ms < 60_000, what);
  }
  const sum = (parts: object): number => Object.values(parts).reduce((a, b) => a + b, 0);
  assert.ok(Math.abs(sum(report.phasesMs) - report.totalMs) < 0.5, `${what}: the phases are not the whole`);
  assert.ok(
    Math.abs(sum(report.resumeMs) - report.phasesMs.resume) < 0.5,
    `${what}: nor are the parts of resume`,
  );
}

async function statusEverywhere(lab: Lab): Promise<void> {
  let before = (await lab.status()).switches;
  for (const name of lab.names) {
    if ((await lab.machine.ping()).os === name) continue;
    const { report } = await lab.machine.switchTo(name);
    const { bootId } = await lab.machine.ping();
    const status = await lab.status();
    assert.equal(status.running, name);
    assert.equal(status.switches, before + 1);
    assert.deepEqual(status.lastSwitch, report);
    before = status.switches;
    assert.deepEqual(
      status.slots.map((slot) => slot.name),
      lab.names,
    );
    for (const slot of status.slots) {
      assert.equal(slot.state, slot.name === name ? 'running' : 'parked');
      assert.ok(slot.joined, `${slot.name} has joined`);
      assert.ok(slot.slot === 0 || slot.crashArmed, `a crash of ${slot.name} would come back`);
      assert.ok(slot.since !== null && Date.parse(slot.since) > 0);
    }
    assert.equal(status.slots.find((slot) => slot.name === name)!.bootId, bootId);
    const text = await lab.torpor([]);
    assert.equal(text.exit, 0, text.stderr);
    assert.match(text.stdout, new RegExp(`last switch: ${report!.from} → ${name} in \\d+ ms`));
    assert.match(text.stdout, new RegExp(`^\\S+ +${name} +running`, 'm'));
  }
}

async function switchByHand(lab: Lab): Promise<void> {
  await lab.go(lab.home);
  const [target, third] = lab.guests;
  const command = lab.torpor(['switch', target!, '--json']);
  await waitForOs(lab, target!);
  await lab.machine.switchTo(third!);
  await lab.machine.switchTo(lab.home);
  const { exit, stdout, stderr } = await command;
  assert.equal(exit, 0, stderr);
  // Of the switch that brought this OS back, whoever asked for it.
  const { restored, ...report } = JSON.parse(stdout) as SwitchReport & { restored: unknown };
  assert.equal(restored, null);
  checkReport(report, third!, lab.home);
  assert.deepEqual((await lab.status()).lastSwitch, report);
}

async function waitForOs(lab: Lab, name: string): Promise<void> {
  for (let tries = 0; tries < 60; tries += 1) {
    const pong = await lab.machine.ping(5_000).catch(() => null);
    if (pong?.os === name) return;
    await sleep(500);
  }
  throw new Error(`${name} does not run`);
}

async function refusals(lab: Lab): Promise<void> {
  await lab.go(lab.home);
  const before = await lab.status();
  assert.match((await lab.refusal(['switch', 'nowhere'], 'E_OS_UNKNOWN')).hint!, /torpor status/);
  await lab.refusal(['switch', lab.home], 'E_OS_RUNNING');
  await lab.refusal(['switch', ''], 'E_OS_UNKNOWN');
  await lab.refusal(['show', 'nowhere'], 'E_OS_UNKNOWN');
  for (const args of [
    ['switch'],
    ['frobnicate'],
    ['switch', lab.guests[0]!, '--frobnicate'],
    ['boot', 'a', 'b'],
  ]) {
    const { exit, stdout } = await lab.torpor(args);
    assert.deepEqual({ args, exit, stdout }, { args, exit: 2, stdout: '' });
  }
  const dry = await lab.torpor(['switch', lab.guests[0]!, '--dry-run']);
  assert.equal(dry.exit, 0, dry.stderr);
  assert.match(dry.stdout, /would park/);
  assert.deepEqual(await lab.status(), before);
}
