import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { confidentialMemory } from './confidential-memory.ts';

const log = (line: string) => ({ files: { '/dev/kmsg': line } });

test('an ordinary machine is fine, also with a processor that could encrypt', () => {
  assert.equal(probe(confidentialMemory, { flags: 'lm sme sev sev_es' }).status, 'ok');
});

test('encrypted guests are obstacles', () => {
  assert.match(probe(confidentialMemory, { flags: 'lm tdx_guest' }).detail, /TDX/);
  assert.match(probe(confidentialMemory, { files: { '/dev/sev-guest': '' } }).detail, /SEV-SNP/);
  const sev = probe(confidentialMemory, log('[    0.1] Memory Encryption Features active: AMD SEV SEV-ES'));
  assert.equal(sev.status, 'obstacle');
  assert.equal(sev.facts.active, 'SEV SEV-ES');
});

test('SME can be turned off', () => {
  for (const options of [
    log('Memory Encryption Features active: AMD SME'),
    { arguments: 'mem_encrypt=on' },
  ]) {
    const found = probe(confidentialMemory, options);
    assert.equal(found.status, 'obstacle');
    assert.equal(found.remedy, 'kernel argument mem_encrypt=off');
  }
});
