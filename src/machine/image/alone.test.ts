import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../base/errors.fixture.ts';
import { PAGE_BYTES } from '../../base/units.ts';
import { memoryOf, streamOf } from '../../engine/image/image.fixture.ts';
import { FakeImageSys } from '../../sys/image-sys.fake.ts';
import { ALONE_COMMAND, answerAlone, askAlone } from './alone.ts';
import { BANK } from './take-image.fixture.ts';

const PLAN = {
  bank: BANK,
  staging: { device: '/dev/vdb', extents: [{ start: 0, sizeBytes: 100 * PAGE_BYTES }] },
  id: '0'.repeat(32),
  createdMs: 1,
  reference: 'a@b',
  filesystems: ['/', '/srv'],
  disks: [],
  facts: '{}',
};

function machine(): FakeImageSys {
  const sys = new FakeImageSys();
  sys.addDisk('/dev/vdb', new Uint8Array(100 * PAGE_BYTES));
  sys.stream = streamOf(memoryOf([[3, 1]]), 'plain');
  sys.onAlone = (args, input) => {
    assert.deepEqual(args, [ALONE_COMMAND]);
    return { output: answerAlone(sys, input), failure: null };
  };
  return sys;
}

test('a task and its answer go through the process that runs alone', () => {
  const result = askAlone(machine(), { kind: 'take', plan: PLAN });
  assert.deepEqual([result.outcome, result.imageBytes, result.diskBytes], ['taken', 3 * PAGE_BYTES, 0]);
});

test('an error comes back as it was, with its code, facts and hint', () => {
  const sys = machine();
  sys.failing.set('createImage', 'ENOMEM');
  const { facts } = failure('E_SYSCALL', () => askAlone(sys, { kind: 'take', plan: PLAN }));
  assert.equal(facts.errno, 'ENOMEM');
  failure('E_STAGING', () => askAlone(machine(), { kind: 'restore', plan: PLAN }));
});

test('when that process is gone without a word, filesystems are thawed', () => {
  const sys = machine();
  sys.failing.set('thaw /', 'EINVAL');
  sys.onAlone = () => ({ output: '', failure: 'it was ended by SIGKILL' });
  const { message } = failure('E_SYSCALL', () => askAlone(sys, { kind: 'take', plan: PLAN }));
  assert.match(message, /SIGKILL/);
  assert.deepEqual(sys.calls, ['thaw /', 'thaw /srv']);
});
