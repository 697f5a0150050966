import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { kexecJump } from './kexec-jump.ts';

const answer = (errno: string, options: Parameters<typeof probe>[1] = {}) =>
  probe(kexecJump, options, (sys) => {
    sys.jumpProbeErrno = errno;
  });

test('the kernel itself says', () => {
  assert.deepEqual(answer('EFAULT').facts, { how: 'probe', errno: 'EFAULT' });
  assert.equal(answer('EFAULT').status, 'ok');
  assert.match(answer('EINVAL').detail, /CONFIG_KEXEC_JUMP/);
  assert.match(answer('ENOSYS').detail, /CONFIG_KEXEC /);
  assert.equal(answer('EINVAL').status, 'obstacle');
});

test('nothing is probed where it would change, log or only fail', () => {
  const cases: Parameters<typeof probe>[1][] = [
    { uid: 1000 },
    { files: { '/proc/sys/kernel/kexec_load_disabled': '1\n' } },
    { files: { '/proc/sys/kernel/kexec_load_limit_reboot': '3\n' } },
    { files: { '/sys/kernel/security/lockdown': 'none [integrity] confidentiality\n' } },
  ];
  for (const options of cases) {
    let probes: () => number = () => -1;
    const found = probe(kexecJump, { ...options, config: 'CONFIG_KEXEC=y\nCONFIG_KEXEC_JUMP=y' }, (sys) => {
      probes = () => sys.jumpProbes;
    });
    assert.equal(found.status, 'ok');
    assert.equal(found.facts.how, 'configuration');
    assert.equal(probes(), 0);
  }
});

test('the configuration answers where the kernel does not', () => {
  assert.equal(answer('EPERM', { config: 'CONFIG_KEXEC=y' }).status, 'obstacle');
  // Left over: the option depends on KEXEC.
  assert.equal(answer('EPERM', { config: 'CONFIG_KEXEC_JUMP=y' }).status, 'obstacle');
  assert.equal(answer('EPERM').status, 'unknown');
});
