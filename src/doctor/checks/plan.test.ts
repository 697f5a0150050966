import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firmwareFiles, probe } from '../probe.fixture.ts';
import { plan } from './plan.ts';

const FIRMWARE = firmwareFiles(['0x0', '0x9fbff'], ['0x100000', '0x7fffffff']);
const ARGUMENTS =
  'memmap=64K$0x10000 memmap=513M$0x1ff00000 torpor.switchboard=0x1ff00000 torpor.slots=0x20000000+512M@0x10000+64K';
const iomem = (text: string) => ({ ...FIRMWARE, '/proc/iomem': text });
const KEPT = iomem(
  '00000000-0000ffff : System RAM\n00100000-1fefffff : System RAM\n40000000-7fffffff : System RAM\n',
);

test('none is the next thing to make', () => {
  const found = probe(plan, { files: FIRMWARE });
  assert.equal(found.status, 'warning');
  assert.equal(found.remedy, 'torpor plan --slots 2x512M');
});

test('one that the kernel keeps to', () => {
  assert.equal(probe(plan, { files: KEPT, arguments: ARGUMENTS }).detail, 'in force, 1 slot');
});

test('one that did not arrive, a malformed one, one that does not fit', () => {
  const ignored = iomem('00100000-7fffffff : System RAM\n');
  assert.equal(probe(plan, { files: ignored, arguments: ARGUMENTS }).status, 'obstacle');
  assert.equal(probe(plan, { files: KEPT, arguments: 'torpor.slots=nonsense' }).status, 'obstacle');
  const outside = ARGUMENTS.replaceAll('0x20000000', '0x90000000');
  assert.equal(probe(plan, { files: KEPT, arguments: outside }).status, 'obstacle');
});

test('without root only the plan is seen', () => {
  const hidden = iomem('00000000-00000000 : System RAM\n');
  assert.equal(probe(plan, { files: hidden, arguments: ARGUMENTS, uid: 1000 }).status, 'unknown');
});

test('a guest has no plan of its own', () => {
  assert.equal(probe(plan, { arguments: 'torpor.switchboard=0x1ff00000 torpor.slot=2' }).facts.slot, 2);
});
