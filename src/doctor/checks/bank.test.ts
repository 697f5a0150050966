import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { bank } from './bank.ts';

const ROOT = '22 1 254:0 / / rw shared:1 - ext4 /dev/vda rw\n';
const OWN = '30 22 254:16 / /var/lib/torpor/bank rw - ext4 /dev/vdb rw\n';
const MACHINE = {
  '/dev/vda': '',
  '/dev/vdb': '',
  '/sys/class/block/vda/size': '8\n',
  '/sys/class/block/vdb/size': '8\n',
  '/proc/swaps': 'Filename Type Size Used Priority\n',
  '/proc/self/mountinfo': ROOT + OWN,
};

test('what comes next depends on what is there', () => {
  const none = probe(bank, { files: MACHINE });
  assert.deepEqual(none.facts, { usable: false, next: 'torpor bank init' });
  const there = probe(bank, { files: { ...MACHINE, '/var/lib/torpor/bank/oci-layout': '{}' } });
  assert.deepEqual(there.facts, { usable: true, next: 'torpor snapshot' });
  assert.match(there.detail, /on \/dev\/vdb/);
});

test('the disk of the system and swap are in the way of the image engine, and of nothing else', () => {
  const shared = probe(bank, { files: { ...MACHINE, '/proc/self/mountinfo': ROOT } });
  assert.deepEqual([shared.status, shared.facts.usable], ['ok', false]);
  assert.match(String(shared.facts.next), /partition of its own/);
  const swap = { '/proc/swaps': 'Filename Type Size Used Priority\n/dev/sda3 partition 1 0 -2\n' };
  assert.match(String(probe(bank, { files: { ...MACHINE, ...swap } }).facts.next), /swapoff -a/);
});
