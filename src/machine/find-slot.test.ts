import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../base/errors.fixture.ts';
import { fakeMachine, park, setState } from '../switchboard/fake.ts';
import { chooseSlot, findResident } from './find-slot.ts';

const OS = { name: 'new', kernel: '/k', args: '', disks: [] };

/** Slots of 64, 256 and 128 MiB; `parked` are taken. */
function records(...parked: number[]) {
  const made = fakeMachine();
  for (const slot of parked) park(made, slot, `os${slot}`);
  return made.switchboard.records();
}

test('chooseSlot() takes the smallest free slot that is large enough', () => {
  assert.equal(chooseSlot(records(), OS).index, 1);
  assert.equal(chooseSlot(records(), { ...OS, memory: '65M' }).index, 3);
  assert.equal(chooseSlot(records(), { ...OS, memory: '256M' }).index, 2);
  assert.equal(chooseSlot(records(1), OS).index, 3);
  assert.equal(chooseSlot(records(1, 3), OS).index, 2);
});

test('chooseSlot() keeps to the slot of the OS', () => {
  assert.equal(chooseSlot(records(), { ...OS, slot: 2 }).index, 2);
  const taken = failure('E_NO_SLOT', () => chooseSlot(records(2), { ...OS, slot: 2 }));
  assert.match(taken.message, /slot 2 holds “os2”/);
  failure('E_NO_SLOT', () => chooseSlot(records(), { ...OS, slot: 1, memory: '65M' }));
  failure('E_NO_SLOT', () => chooseSlot(records(), { ...OS, slot: 4 }));
});

test('chooseSlot() lists the slots when none is left', () => {
  const { facts } = failure('E_NO_SLOT', () => chooseSlot(records(1, 2, 3), OS));
  assert.deepEqual(facts.slots, ['1: 64 MiB parked os1', '2: 256 MiB parked os2', '3: 128 MiB parked os3']);
  failure('E_NO_SLOT', () => chooseSlot(records(), { ...OS, memory: '257M' }));
  failure('E_SIZE', () => chooseSlot(records(), { ...OS, memory: 'x' }));
});

test('chooseSlot() never takes the slot of a crashed or loaded OS', () => {
  const made = fakeMachine();
  for (const slot of [1, 3]) park(made, slot, `os${slot}`);
  setState(made.bytes, 1, 'crashed');
  setState(made.bytes, 3, 'crashed');
  assert.equal(chooseSlot(made.switchboard.records(), OS).index, 2);
});

test('findResident() knows who is there, who has left and who never was', () => {
  const made = fakeMachine();
  park(made, 1, 'here');
  park(made, 2, 'left');
  setState(made.bytes, 2, 'empty');
  const all = made.switchboard.records();
  assert.equal(findResident(all, 'here').index, 1);
  assert.equal(findResident(all, 'monitor').index, 0);
  assert.equal(failure('E_OS_EMPTY', () => findResident(all, 'left')).facts.slot, 2);
  const { facts } = failure('E_OS_UNKNOWN', () => findResident(all, 'never'));
  assert.deepEqual(facts.resident, ['monitor', 'here']);
  failure('E_OS_UNKNOWN', () => findResident(all, ''));
});

test('findResident() prefers the slot in which the OS was started again', () => {
  const made = fakeMachine();
  for (const slot of [1, 3]) park(made, slot, 'twice');
  setState(made.bytes, 1, 'empty');
  assert.equal(findResident(made.switchboard.records(), 'twice').index, 3);
});
