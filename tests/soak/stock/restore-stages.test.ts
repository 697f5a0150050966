import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stagesOfRestore } from './restore-stages.ts';

const line = (atMs: number, text: string) => ({ atMs, line: `[   12.345678] torpor: ${text}` });
const SAID = [
  line(1500, 'restore of debian12@r1: loading 150 MiB'),
  line(4000, 'restore of debian12@r1: freezing this system'),
  line(4100, 'restore of debian12@r1: writing dev:vda'),
  line(4200, 'restore of debian12@r1: writing dev:vdb'),
  line(6000, 'restore of debian12@r1: jumping'),
  line(7000, 'this system is back from debian12@r1'),
];

test('the stages of a restore are between what the kernel log says', () => {
  assert.deepEqual(stagesOfRestore(1000, 7500, SAID), {
    prepare: 500,
    load: 2500,
    freeze: 100,
    disks: 1900,
    jump: 1000,
    thaw: 500,
  });
});

test('what was said before, or not at all, is no stage', () => {
  assert.deepEqual(stagesOfRestore(5000, 7500, SAID), { disks: 1000, jump: 1000, thaw: 500 });
  assert.deepEqual(stagesOfRestore(0, 10, []), { thaw: 10 });
});
