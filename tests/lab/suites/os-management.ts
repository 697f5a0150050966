import assert from 'node:assert/strict';
import type { Lab } from '../fixture.ts';
import { labTest, type Suite } from '../lab-test.ts';

export const osManagement: Suite = {
  name: 'managing OSes',
  define(lab) {
    labTest(lab, 'os add, ls, show and rm', () => registry(lab));
    labTest(lab, 'os add refuses what is not valid', () => registryRefusals(lab));
    labTest(lab, 'a boot is planned whole and changes nothing with --dry-run', () => dryRun(lab));
    labTest(lab, 'plan divides the memory of home, and of nobody else', () => plan(lab));
    labTest(lab, 'doctor finds no obstacle in any OS', () => doctor(lab), 6);
  },
};

async function ok(lab: Lab, ...args: string[]): Promise<string> {
  const { exit, stdout, stderr } = await lab.torpor(args);
  assert.equal(exit, 0, `${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

async function registry(lab: Lab): Promise<void> {
  await lab.go(lab.home);
  const listed = JSON.parse(await ok(lab, 'os', 'ls', '--json')) as { name: string; kernel: string }[];
  assert.deepEqual(listed.map(({ name }) => name).toSorted(), lab.guests.toSorted());
  const kernel = listed[0]!.kernel;
  const options = [
    '--memory',
    '64M',
    '--append',
    'quiet panic=1',
    '--disk',
    'its-own',
    '--shared-disk',
    'all',
  ];
  await ok(lab, 'os', 'add', 'extra', '--kernel', kernel, ...options);
  const shown = JSON.parse(await ok(lab, 'os', 'show', 'extra', '--json'));
  assert.deepEqual(shown, {
    name: 'extra',
    kernel,
    memory: '64M',
    args: 'quiet panic=1',
    disks: [
      { name: 'its-own', id: 'its-own', shared: false },
      { name: 'all', id: 'all', shared: true },
    ],
  });
  assert.match(await ok(lab, 'os', 'ls'), /^extra +64M +any +\//m);
  await lab.refusal(['os', 'add', 'extra', '--kernel', kernel], 'E_OS_EXISTS');
  await ok(lab, 'os', 'add', 'extra', '--replace', '--kernel', kernel, '--slot', '1');
  assert.equal(JSON.parse(await ok(lab, 'os', 'show', 'extra', '--json')).slot, 1);
  await ok(lab, 'os', 'rm', 'extra');
  await lab.refusal(['os', 'show', 'extra'], 'E_OS_UNKNOWN');
  await lab.refusal(['os', 'rm', 'extra'], 'E_OS_UNKNOWN');
}

async function registryRefusals(lab: Lab): Promise<void> {
  await lab.go(lab.home);
  const add = (name: string, ...rest: string[]) => ['os', 'add', name, '--kernel', '/boot/x', ...rest];
  await lab.refusal(add('Not A Name'), 'E_USAGE');
  await lab.refusal(add('../escape'), 'E_USAGE');
  await lab.refusal(add('big', '--memory', 'much'), 'E_SIZE');
  await lab.refusal(add('far', '--slot', '99'), 'E_USAGE');
  await lab.refusal(add('odd', '--slot', 'x'), 'E_USAGE');
  await lab.sh('echo "kernel = 1" >/etc/torpor/os.d/damaged.toml');
  try {
    const { facts } = await lab.refusal(['os', 'show', 'damaged'], 'E_REGISTRY');
    assert.equal(facts.path, '/etc/torpor/os.d/damaged.toml');
    await lab.refusal(['boot', 'damaged'], 'E_REGISTRY');
  } finally {
    await ok(lab, 'os', 'rm', 'damaged');
  }
}

async function dryRun(lab: Lab): Promise<void> {
  await lab.go(lab.home);
  const [guest] = lab.guests;
  await ok(lab, 'stop', '--force', guest!);
  try {
    const before = await lab.status();
    const plan = JSON.parse(await ok(lab, 'boot', guest!, '--dry-run', '--json', '--append', 'extra=1'));
    assert.equal(plan.os.name, guest);
    assert.equal(plan.slot, 1);
    assert.match(plan.commandLine, /^torpor\.switchboard=0x[0-9a-f]+ torpor\.slot=1 .* extra=1$/);
    assert.deepEqual(await lab.status(), before);
  } finally {
    await lab.settle();
  }
}

async function plan(lab: Lab): Promise<void> {
  await lab.go(lab.home);
  const sizes = lab.machine.spec.oses.slice(1).map((os) => `${os.memoryBytes / 2 ** 20}M`);
  const { plan, kernelArguments } = JSON.parse(await ok(lab, 'plan', '--slots', sizes.join(','), '--json'));
  assert.equal(plan.slots.length, sizes.length);
  // What the lab was started with is what the same wish gives.
  const commandLine = (await lab.sh('cat /proc/cmdline')).split(' ');
  for (const argument of kernelArguments) assert.ok(commandLine.includes(argument), argument);
  assert.match(await ok(lab, 'plan', '--slots', '1x128M'), /GRUB_CMDLINE_LINUX=/);
  await lab.refusal(['plan', '--slots', '4x16G'], 'E_PLAN_NO_ROOM');
  await lab.refusal(['plan', '--slots', '16x64M'], 'E_PLAN_SLOTS');
  await lab.refusal(['plan', '--slots', 'some'], 'E_SIZE');
  await lab.go(lab.guests[0]!);
  await lab.refusal(['plan', '--slots', '1x128M'], 'E_OS_STATE');
  await lab.go(lab.home);
}

async function doctor(lab: Lab): Promise<void> {
  for (const name of lab.names) {
    await lab.go(name);
    const { exit, stdout, stderr } = await lab.torpor(['doctor', '--json']);
    assert.equal(exit, 0, `${name}: ${stdout}${stderr}`);
    const { verdict, checks } = JSON.parse(stdout);
    assert.equal(verdict.engine, 'resident', name);
    assert.deepEqual([name, verdict.obstacles, verdict.unseen], [name, [], []]);
    const bad = checks.filter(({ status }: { status: string }) => !['ok', 'warning'].includes(status));
    assert.deepEqual([name, bad], [name, []]);
    assert.match((await lab.torpor(['doctor'])).stdout, /resident/);
  }
  await lab.go(lab.home);
}
