import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { largePages } from './large-pages.ts';

test('1 GiB pages are needed', () => {
  assert.equal(probe(largePages, { flags: 'lm pdpe1gb' }).status, 'ok');
  assert.equal(probe(largePages, { flags: 'lm' }).status, 'obstacle');
});

test('a virtual machine can be given them', () => {
  assert.match(probe(largePages, { flags: 'lm hypervisor' }).remedy ?? '', /-cpu/);
});
