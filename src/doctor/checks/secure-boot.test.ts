import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { secureBoot } from './secure-boot.ts';

const VARIABLE = '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';
const value = (...bytes: number[]) => ({ files: { [VARIABLE]: Uint8Array.from(bytes) } });

test('its states', () => {
  assert.equal(probe(secureBoot, {}).facts.state, 'bios');
  assert.equal(probe(secureBoot, value(6, 0, 0, 0, 0)).facts.state, 'off');
  assert.equal(probe(secureBoot, value(6, 0, 0, 0, 1)).status, 'warning');
  assert.equal(probe(secureBoot, value(6, 0)).status, 'unknown');
  assert.equal(probe(secureBoot, { files: { '/sys/firmware/efi/systab': '' } }).status, 'unknown');
});
