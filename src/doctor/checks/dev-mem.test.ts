import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TorporError } from '../../base/errors.ts';
import { probe } from '../probe.fixture.ts';
import { devMem } from './dev-mem.ts';

test('it opens', () => {
  const found = probe(devMem, {
    files: { '/dev/mem': '' },
    config: 'CONFIG_DEVMEM=y\nCONFIG_STRICT_DEVMEM=y',
  });
  assert.equal(found.status, 'ok');
  assert.deepEqual(found.facts.strict, ['CONFIG_STRICT_DEVMEM']);
});

test('it is missing', () => {
  assert.match(probe(devMem, {}).remedy ?? '', /CONFIG_DEVMEM=y/);
  assert.match(probe(devMem, { config: 'CONFIG_DEVMEM=y' }).remedy ?? '', /^mknod/);
});

test('only root can try', () => {
  assert.equal(probe(devMem, { uid: 1000, files: { '/dev/mem': '' } }).status, 'unknown');
});

test('the kernel refuses', () => {
  const found = probe(devMem, { files: { '/dev/mem': '' } }, (sys) => {
    sys.readFileRange = () => {
      throw new TorporError('E_SYSCALL', 'cannot read /dev/mem: EPERM', { facts: { errno: 'EPERM' } });
    };
  });
  assert.equal(found.status, 'obstacle');
  assert.equal(found.facts.errno, 'EPERM');
});
