import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { clock } from './clock.ts';

const source = (name: string, flags = 'lm constant_tsc nonstop_tsc') => ({
  flags,
  files: { '/sys/devices/system/clocksource/clocksource0/current_clocksource': `${name}\n` },
});

test('the TSC, and clocks made of it, are fine', () => {
  assert.equal(probe(clock, source('tsc')).status, 'ok');
  assert.equal(probe(clock, source('kvm-clock')).status, 'ok');
});

test('others make times doubtful', () => {
  assert.equal(probe(clock, source('hpet')).status, 'warning');
  assert.equal(probe(clock, source('kvm-clock', 'lm')).status, 'warning');
});
