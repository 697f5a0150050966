import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../base/errors.fixture.ts';
import { FakeSys } from '../sys/fake.ts';
import { holdPrograms } from './hold-programs.ts';

const ROOT = '/sys/fs/cgroup';

function machine(files: Record<string, string> = {}): FakeSys {
  const sys = new FakeSys({
    files: {
      '/proc/self/mountinfo': `30 22 0:26 / ${ROOT} rw,nosuid shared:4 - cgroup2 cgroup2 rw\n`,
      '/proc/self/cgroup': '0::/user.slice/one.scope\n',
      [`${ROOT}/cgroup.procs`]: '2\n77\n',
      '/proc/2/stat': '2 (kthreadd) S 0 0 0 0 -1 2129984 0 0',
      '/proc/77/stat': '77 (my (odd) name) S 1 77 77 0 -1 4194560 0 0',
      [`${ROOT}/system.slice/cgroup.freeze`]: '0\n',
      [`${ROOT}/system.slice/cgroup.events`]: 'populated 1\nfrozen 1\n',
      [`${ROOT}/asleep/cgroup.freeze`]: '1\n',
      ...files,
    },
  });
  const read = sys.readTextFile.bind(sys);
  sys.readTextFile = (path) => {
    if (sys.files.has(path.slice(0, path.lastIndexOf('/')))) throw new Error('ENOTDIR');
    return read(path);
  };
  return sys;
}

/** Control groups as far as they matter: writing a process to one takes it out of the root. */
function follow(sys: FakeSys): string[] {
  const writes: string[] = [];
  const write = sys.writeTextFile.bind(sys);
  sys.writeTextFile = (path, content) => {
    writes.push(`${path.slice(ROOT.length + 1)} ${content === String(process.pid) ? 'self' : content}`);
    if (path === `${ROOT}/torpor-held/cgroup.procs`) {
      sys.files.set(`${ROOT}/cgroup.procs`, '2\n');
      sys.files.set(`${ROOT}/torpor-held/cgroup.freeze`, '0\n');
      sys.files.set(`${ROOT}/torpor-held/cgroup.events`, 'populated 1\nfrozen 1\n');
    } else if (!path.endsWith('cgroup.procs')) write(path, content);
  };
  return writes;
}

test('all programs are held but this one, kernel threads and what was held before', () => {
  const sys = machine();
  const writes = follow(sys);
  const asked: string[] = [];
  const read = sys.readTextFile;
  sys.readTextFile = (path) => {
    if (path.startsWith('/proc/')) asked.push(path);
    return read(path);
  };
  const release = holdPrograms(sys);
  assert.equal(asked.filter((path) => path === '/proc/2/stat').length, 1);
  assert.deepEqual(writes.splice(0), [
    'torpor-switch/cgroup.procs self',
    'torpor-held/cgroup.procs 77',
    'system.slice/cgroup.freeze 1',
    'torpor-held/cgroup.freeze 1',
  ]);
  release();
  assert.deepEqual(writes, [
    'torpor-held/cgroup.freeze 0',
    'system.slice/cgroup.freeze 0',
    'cgroup.procs 77',
    'user.slice/one.scope/cgroup.procs self',
  ]);
  assert.deepEqual(sys.freezeLog, [
    `mkdir ${ROOT}/torpor-switch`,
    `mkdir ${ROOT}/torpor-held`,
    `rmdir ${ROOT}/torpor-held`,
    `rmdir ${ROOT}/torpor-switch`,
  ]);
});

test('programs that are not held in time are let go again', () => {
  const sys = machine({ [`${ROOT}/system.slice/cgroup.events`]: 'populated 1\nfrozen 0\n' });
  const writes = follow(sys);
  let now = 0n;
  sys.monotonicNs = () => (now += 3_000_000_000n);
  const { facts } = failure('E_FREEZE_REFUSED', () => holdPrograms(sys));
  assert.deepEqual(facts.tasks, ['system.slice']);
  assert.ok(writes.includes('system.slice/cgroup.freeze 0'));
});

test('without control groups nothing is tried', () => {
  const sys = machine({ '/proc/self/mountinfo': '22 1 8:1 / / rw - ext4 /dev/sda1 rw\n' });
  const { hint } = failure('E_FREEZE_REFUSED', () => holdPrograms(sys));
  assert.match(hint ?? '', /mount -t cgroup2/);
});
