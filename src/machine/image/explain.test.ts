import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TorporError } from '../../base/errors.ts';
import { FakeSys } from '../../sys/fake.ts';
import { explainImageFailure, markLog } from './explain.ts';

function explained(call: string, errno: string, log: readonly string[] = []): TorporError {
  const sys = new FakeSys();
  sys.log('task:before           state:D');
  const mark = markLog(sys, 'x');
  for (const line of log) sys.log(line);
  const cause = new TorporError('E_SYSCALL', 'failed', { facts: { call, path: '/dev/snapshot', errno } });
  const error = explainImageFailure(sys, cause, mark);
  assert.ok(error instanceof TorporError);
  return error;
}

test('a program that does not freeze is named', () => {
  const error = explained('SNAPSHOT_FREEZE', 'EBUSY', [
    'Freezing user space processes failed after 20.005 seconds (1 tasks refusing to freeze, wq_busy=0):',
    'task:sshfs user       state:D stack:0     pid:200',
  ]);
  assert.equal(error.code, 'E_FREEZE_REFUSED');
  assert.deepEqual(error.facts.tasks, ['sshfs user']);
  assert.match(error.hint ?? '', /sshfs user/);
});

test('each failure has its code', () => {
  const cases = [
    ['open', 'EPERM', 'E_NO_SNAPSHOT_DEVICE'],
    ['open', 'EBUSY', 'E_BUSY'],
    ['SNAPSHOT_FREEZE', 'EBUSY', 'E_FREEZE_REFUSED'],
    ['SNAPSHOT_CREATE_IMAGE', 'ENOMEM', 'E_IMAGE_MEMORY'],
    ['SNAPSHOT_CREATE_IMAGE', 'EBUSY', 'E_FREEZE_REFUSED'],
    ['SNAPSHOT_ATOMIC_RESTORE', 'EIO', 'E_FREEZE_REFUSED'],
    ['write', 'ENOMEM', 'E_IMAGE_MEMORY'],
    ['write', 'EPERM', 'E_OTHER_MACHINE'],
    ['read', 'EIO', 'E_SYSCALL'],
  ] as const;
  for (const [call, errno, code] of cases)
    assert.equal(explained(call, errno).code, code, `${call} ${errno}`);
  const full = explained('SNAPSHOT_CREATE_IMAGE', 'EAGAIN', ['PM: hibernation: Not enough free memory']);
  assert.equal(full.code, 'E_IMAGE_MEMORY');
});

test('other failures stay what they are', () => {
  const sys = new FakeSys();
  const other = new TorporError('E_SYSCALL', 'x', {
    facts: { call: 'write', path: '/dev/vdb', errno: 'EIO' },
  });
  assert.equal(explainImageFailure(sys, other, ''), other);
});
