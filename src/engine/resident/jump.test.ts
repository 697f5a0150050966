import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../base/errors.fixture.ts';
import { TorporError } from '../../base/errors.ts';
import { encodeStub } from '../../switchboard/code.ts';
import { type FakeMachine, fakeMachine, leaveAndReturn, park, setState } from '../../switchboard/fake.ts';
import { jump } from './jump.ts';

/** Home runs, slot 1 is parked. */
function machine(): FakeMachine {
  const made = fakeMachine();
  park(made, 1, 'debian12');
  return made;
}

function refuse(errno: string): never {
  throw new TorporError('E_SYSCALL', `reboot failed: ${errno}`, { facts: { call: 'reboot', errno } });
}

test('jump() loads the stub, syncs, names the target and returns when somebody comes back', () => {
  const made = machine();
  const { sys, switchboard } = made;
  const seen: number[] = [];
  sys.onReboot = () => {
    seen.push(sys.syncs, switchboard.control().target);
    const image = sys.images.get('jump')!;
    const { stub } = switchboard.record(0);
    assert.deepEqual([image.entry, image.segments[0]!.destination], [stub, stub]);
    assert.deepEqual(image.segments[0]!.bytes, encodeStub(switchboard.base, 'park', 0));
    leaveAndReturn(made, 1);
  };
  const { control, tscReturn } = jump(sys, switchboard, 1);
  assert.deepEqual(seen, [1, 1]);
  const { current, previous, sequence, mode, refused } = control;
  assert.deepEqual(
    { current, previous, sequence, mode, refused },
    { current: 0, previous: 1, sequence: 2, mode: 'park', refused: false },
  );
  assert.ok(tscReturn > 0n);
  assert.equal(switchboard.record(1).state, 'parked');
  const marks = sys.readKernelLog().map((line) => line.replace(/^\[.*\] /, ''));
  assert.deepEqual(marks, ['torpor: parking this OS', 'torpor: this OS runs again']);
});

test('RCU is quick during the jump and as before afterwards, also where the kernel refuses', () => {
  const made = machine();
  const { sys } = made;
  const files = ['/sys/kernel/rcu_expedited', '/sys/module/rcutree/parameters/jiffies_till_first_fqs'];
  const read = () => files.map((file) => sys.readTextFile(file));
  sys.files.set(files[0]!, '0\n').set(files[1]!, '3\n');
  for (const refused of [false, true]) {
    let during: unknown;
    sys.onReboot = () => {
      during = read();
      return refused ? refuse('EBUSY') : leaveAndReturn(made, 1);
    };
    const attempt = () => jump(sys, made.switchboard, 1);
    if (refused) assert.throws(attempt);
    else attempt();
    assert.deepEqual(during, ['1', '0']);
    assert.deepEqual(read(), ['0\n', '3\n']);
    if (!refused) park(made, 1, 'debian12');
  }
});

test('a jump without /dev/kmsg works', () => {
  const made = machine();
  made.sys.writeTextFile = () => refuse('ENOENT');
  made.sys.onReboot = () => leaveAndReturn(made, 1);
  assert.equal(jump(made.sys, made.switchboard, 1).control.current, 0);
});

test('a freeze that the kernel refuses names the tasks of this attempt and changes nothing', () => {
  const made = machine();
  const { sys, switchboard, bytes } = made;
  sys.log('task:old             state:D stack:0     pid:7     tgid:7     ppid:1      flags:0x00000002');
  const before = bytes.slice();
  sys.onReboot = () => {
    // kernel/power/process.c and kernel/sched/core.c of 6.12
    sys.log('Freezing user space processes');
    sys.log(
      'Freezing user space processes failed after 20.003 seconds (3 tasks refusing to freeze, wq_busy=0):',
    );
    for (const comm of ['dd', 'tmux: server', 'tmux: server'])
      sys.log(
        `task:${comm.padEnd(15)} state:D stack:0     pid:812   tgid:812   ppid:1      flags:0x00000002`,
      );
    sys.log('Call Trace:');
    for (let line = 0; line < 500; line += 1) sys.log(' ? __schedule+0x3f5/0xb30');
    sys.log('Restarting tasks ... done.');
    refuse('EBUSY');
  };
  const error = failure('E_FREEZE_REFUSED', () => jump(sys, switchboard, 1));
  assert.equal(error.facts.errno, 'EBUSY');
  assert.deepEqual(error.facts.tasks, ['dd', 'tmux: server']);
  const log = error.facts.log as string[];
  assert.equal(log.length, 4);
  assert.match(log[0]!, /failed after 20\.003 seconds/);
  assert.match(error.hint!, /end or unblock dd, tmux: server/);
  assert.equal(switchboard.control().target, 0);
  assert.ok(Buffer.from(bytes).equals(before), 'the switchboard is as before');
});

test('a device that will not freeze is found in the log', () => {
  const { sys, switchboard } = machine();
  const lines = [
    'virtio-pci 0000:00:03.0: PM: pci_pm_freeze(): virtio_pci_freeze+0x0/0x50 returns -5',
    'virtio-pci 0000:00:03.0: PM: failed to freeze async: error -5',
    'Error taking CPU1 down: -16',
  ];
  sys.onReboot = () => {
    for (const line of ['usb 1-1: reset', ...lines]) sys.log(line);
    refuse('EIO');
  };
  const error = failure('E_FREEZE_REFUSED', () => jump(sys, switchboard, 1));
  const found = (error.facts.log as string[]).map((line) => line.replace(/^\[.*?\] /, ''));
  assert.deepEqual(found, lines);
  assert.deepEqual(error.facts.tasks, []);
  assert.match(error.hint!, /dmesg/);
});

test('a jump that the kernel forbids is E_NOT_ROOT', () => {
  const { sys, switchboard } = machine();
  sys.onReboot = () => refuse('EPERM');
  failure('E_NOT_ROOT', () => jump(sys, switchboard, 1));
  assert.equal(switchboard.control().target, 0);
});

test('another error of the jump is passed on', () => {
  const { sys, switchboard } = machine();
  sys.onReboot = () => {
    throw new RangeError('a defect');
  };
  assert.throws(() => jump(sys, switchboard, 1), RangeError);
  assert.equal(switchboard.control().target, 0);
});

test('a kernel that comes back without having left is E_FREEZE_REFUSED', () => {
  const { sys, switchboard } = machine();
  failure('E_FREEZE_REFUSED', () => jump(sys, switchboard, 1));
  assert.equal(switchboard.control().target, 0);
  assert.equal(switchboard.running().index, 0);
});

test('a target that the trampoline cannot enter is E_OS_STATE, and this OS goes on', () => {
  const made = machine();
  const { sys, switchboard, bytes } = made;
  sys.onReboot = () => {
    setState(bytes, 1, 'crashed');
    leaveAndReturn(made, 1);
  };
  const error = failure('E_OS_STATE', () => jump(sys, switchboard, 1));
  assert.equal(error.facts.slot, 1);
  assert.equal(switchboard.running().index, 0);
  assert.equal(switchboard.control().target, 0);
});

test('a refused image ends the jump before anything is written', () => {
  const { sys, switchboard, bytes } = machine();
  const before = bytes.slice();
  sys.kexecErrno = 'EINVAL';
  sys.onReboot = () => assert.fail('no jump');
  failure('E_NO_KEXEC_JUMP', () => jump(sys, switchboard, 1));
  assert.ok(Buffer.from(bytes).equals(before));
});
