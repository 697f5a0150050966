import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { root } from './root.ts';

test('without root the verdict stays open', () => {
  assert.equal(probe(root, {}).status, 'ok');
  const found = probe(root, { uid: 1000 });
  assert.equal(found.status, 'unknown');
  assert.equal(found.remedy, 'sudo torpor doctor');
});
