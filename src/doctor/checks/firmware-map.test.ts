import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firmwareFiles, probe } from '../probe.fixture.ts';
import { firmwareMap } from './firmware-map.ts';

test('a map', () => {
  const found = probe(firmwareMap, { files: firmwareFiles(['0x0', '0x9fbff'], ['0x100000', '0x7fffffff']) });
  assert.equal(found.status, 'ok');
  assert.equal(found.facts.usableRanges, 2);
});

test('none, and a broken one', () => {
  assert.equal(probe(firmwareMap, {}).facts.code, 'E_NO_FIRMWARE_MAP');
  assert.equal(probe(firmwareMap, { files: firmwareFiles(['0x0', 'x']) }).facts.code, 'E_FIRMWARE_MAP');
});
