import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { lockdown } from './lockdown.ts';

const LOCKED = { '/sys/kernel/security/lockdown': 'none [integrity] confidentiality\n' };
const SECURE_BOOT = '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';

test('no lockdown', () => {
  assert.equal(probe(lockdown, {}).status, 'ok');
  assert.equal(
    probe(lockdown, { files: { '/sys/kernel/security/lockdown': '[none] integrity confidentiality' } })
      .status,
    'ok',
  );
});

test('the remedy names what turned it on', () => {
  const secure = { ...LOCKED, [SECURE_BOOT]: Uint8Array.of(6, 0, 0, 0, 1) };
  assert.equal(probe(lockdown, { files: LOCKED }).status, 'obstacle');
  assert.match(probe(lockdown, { files: secure }).remedy ?? '', /Secure Boot off in the firmware/);
  assert.match(
    probe(lockdown, { files: LOCKED, arguments: 'lockdown=integrity' }).remedy ?? '',
    /remove lockdown=integrity/,
  );
});
