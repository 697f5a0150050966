import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { pagingMode } from './paging-mode.ts';

test('both modes work and are told', () => {
  assert.equal(probe(pagingMode, {}).facts.levels, 4);
  assert.equal(probe(pagingMode, { flags: 'lm la57' }).facts.levels, 5);
  assert.equal(probe(pagingMode, { flags: 'lm la57', arguments: 'no5lvl' }).facts.levels, 4);
});
