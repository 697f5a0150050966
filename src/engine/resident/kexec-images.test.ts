import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCodeName } from '../../base/error-codes.ts';
import { failure } from '../../base/errors.fixture.ts';
import { encodeStub } from '../../switchboard/code.ts';
import { FAKE_PLAN, fakeMachine } from '../../switchboard/fake.ts';
import { loadCrashImage, loadJumpImage, loadLeaveImage } from './kexec-images.ts';

const BASE = FAKE_PLAN.switchboard.start;
const IOMEM = `00000000-00000fff : Reserved
00001000-0009fbff : System RAM
20000000-23ffffff : System RAM
  22000000-22ffffff : Crash kernel
`;

test('every image is one page of stub at the place of its kernel', () => {
  const { sys, switchboard } = fakeMachine();
  const self = switchboard.record(2);
  loadJumpImage(sys, BASE, self);
  loadLeaveImage(sys, BASE, self);
  for (const [kind, mode] of [
    ['jump', 'park'],
    ['leave', 'leave'],
  ] as const) {
    const segment = { bytes: encodeStub(BASE, mode, 2), destination: self.stub };
    assert.deepEqual(sys.images.get(kind), { entry: self.stub, segments: [segment] });
  }
});

test('the crash image lies at the start of the crashkernel reservation', () => {
  const { sys, switchboard } = fakeMachine();
  sys.files.set('/proc/iomem', IOMEM);
  assert.equal(loadCrashImage(sys, BASE, switchboard.record(1)), true);
  const segment = { bytes: encodeStub(BASE, 'crash', 1), destination: 0x2200_0000 };
  assert.deepEqual(sys.images.get('crash'), { entry: 0x2200_0000, segments: [segment] });
});

for (const [what, iomem] of [
  ['no /proc/iomem', undefined],
  ['no reservation', IOMEM.replace(/^.*Crash.*\n/m, '')],
  ['addresses hidden from this user', IOMEM.replaceAll(/[0-9a-f]{8}/g, '00000000')],
] as const) {
  test(`with ${what} there is no crash image`, () => {
    const { sys, switchboard } = fakeMachine();
    if (iomem !== undefined) sys.files.set('/proc/iomem', iomem);
    assert.equal(loadCrashImage(sys, BASE, switchboard.record(0)), false);
    assert.equal(sys.images.size, 0);
  });
}

const mapped: ['jump' | 'leave' | 'crash', string, ErrorCodeName][] = [
  ['jump', 'EPERM', 'E_KEXEC_FORBIDDEN'],
  ['crash', 'EPERM', 'E_KEXEC_FORBIDDEN'],
  ['jump', 'EINVAL', 'E_NO_KEXEC_JUMP'],
  ['leave', 'EINVAL', 'E_KEXEC_REFUSED'],
  ['jump', 'ENOSYS', 'E_NO_KEXEC_JUMP'],
  ['jump', 'EBUSY', 'E_KEXEC_REFUSED'],
  ['crash', 'EADDRNOTAVAIL', 'E_KEXEC_REFUSED'],
  ['leave', 'ENOMEM', 'E_KEXEC_REFUSED'],
];
const LOAD = { jump: loadJumpImage, leave: loadLeaveImage, crash: loadCrashImage };
for (const [kind, errno, code] of mapped) {
  test(`${errno} for the ${kind} image is ${code}`, () => {
    const { sys, switchboard } = fakeMachine();
    sys.files.set('/proc/iomem', IOMEM);
    sys.kexecErrno = errno;
    const { facts } = failure(code, () => LOAD[kind](sys, BASE, switchboard.record(1)));
    assert.deepEqual({ image: facts.image, errno: facts.errno }, { image: kind, errno });
    assert.match(String(facts.entry), /^0x[0-9a-f]+$/);
  });
}
