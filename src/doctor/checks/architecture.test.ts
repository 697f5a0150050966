import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { architecture } from './architecture.ts';

test('x86-64 is enough, anything else is not', () => {
  assert.equal(probe(architecture, {}).status, 'ok');
  assert.equal(
    probe(architecture, { files: { '/proc/cpuinfo': 'Features : fp asimd\n' } }).status,
    'obstacle',
  );
});
