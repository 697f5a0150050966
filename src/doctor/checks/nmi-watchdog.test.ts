import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { nmiWatchdog } from './nmi-watchdog.ts';

test('on is a warning', () => {
  assert.equal(probe(nmiWatchdog, {}).status, 'ok');
  assert.equal(probe(nmiWatchdog, { files: { '/proc/sys/kernel/nmi_watchdog': '0\n' } }).status, 'ok');
  assert.equal(
    probe(nmiWatchdog, { files: { '/proc/sys/kernel/nmi_watchdog': '1\n' } }).remedy,
    'kernel argument nmi_watchdog=0',
  );
});
