import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { processors } from './processors.ts';

const CPU = '/sys/devices/system/cpu';
const cpus = (online: string, present: string) => ({
  [`${CPU}/online`]: `${online}\n`,
  [`${CPU}/present`]: `${present}\n`,
  [`${CPU}/hotplug/states`]: '',
});

test('all processors online are fine', () => {
  assert.equal(probe(processors, { files: cpus('0-3', '0-3') }).status, 'ok');
});

test('one processor needs no hotplug', () => {
  assert.equal(
    probe(processors, { files: { [`${CPU}/online`]: '0', [`${CPU}/present`]: '0' } }).status,
    'ok',
  );
});

test('several without hotplug are an obstacle', () => {
  const files = { [`${CPU}/online`]: '0-3', [`${CPU}/present`]: '0-3' };
  assert.equal(probe(processors, { files }).status, 'obstacle');
  assert.equal(probe(processors, { files, config: 'CONFIG_HOTPLUG_CPU=y' }).status, 'ok');
});

test('processors that this kernel leaves alone are a warning', () => {
  const offline = probe(processors, { files: cpus('0-1', '0-3') });
  assert.equal(offline.status, 'warning');
  assert.match(offline.remedy ?? '', /echo 1/);
  const limited = probe(processors, {
    files: cpus('0-1', '0-1'),
    arguments: 'maxcpus=2 mitigations=auto,nosmt',
  });
  assert.equal(limited.remedy, 'remove maxcpus=2 mitigations=auto,nosmt from the kernel arguments');
});
