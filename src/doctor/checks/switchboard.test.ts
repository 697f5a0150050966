import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rangeOf } from '../../base/ranges.ts';
import { physAddr } from '../../base/units.ts';
import { SWITCHBOARD_BYTES } from '../../switchboard/layout.ts';
import { Switchboard } from '../../switchboard/switchboard.ts';
import type { FakeSys } from '../../sys/fake.ts';
import { probe } from '../probe.fixture.ts';
import { switchboard } from './switchboard.ts';

const RANGE = rangeOf(0x1ff00000, SWITCHBOARD_BYTES);
const JOINED = {
  arguments: 'torpor.switchboard=0x1ff00000',
  memory: [RANGE],
  files: { '/proc/sys/kernel/random/boot_id': 'this-boot\n' },
};

function join(sys: FakeSys, bootId = 'this-boot'): void {
  const slot = { index: 1, memory: rangeOf(0x20000000, 0x20000000), low: rangeOf(0x10000, 0x10000) };
  Switchboard.create(sys.mapPhysical(RANGE), {
    plan: { switchboard: RANGE, slots: [slot] },
    firmware: [{ start: physAddr(0x100000), end: physAddr(0x80000000), type: 'usable' }],
    home: { name: 'home', kernelRelease: '6.12', bootId, sinceMs: 1 },
    processor: { bootApicId: 0, canWake: true },
  });
}

test('none before a plan', () => {
  assert.equal(probe(switchboard, {}).status, 'ok');
});

test('empty memory and an old one ask for a join', () => {
  assert.equal(probe(switchboard, JOINED).remedy, 'torpor join');
  assert.equal(probe(switchboard, JOINED, (sys) => join(sys, 'the-boot-before')).remedy, 'torpor join');
});

test('a valid one names the next command', () => {
  assert.equal(probe(switchboard, JOINED, join).facts.next, 'torpor os add NAME --kernel FILE');
  const files = { ...JOINED.files, '/etc/torpor/os.d/work.toml': '' };
  assert.equal(probe(switchboard, { ...JOINED, files }, join).facts.next, 'torpor boot work');
});

test('a damaged one is an obstacle', () => {
  const found = probe(switchboard, JOINED, (sys) => {
    join(sys);
    sys.mapPhysical(RANGE).bytes[20]! ^= 1;
  });
  assert.equal(found.status, 'obstacle');
  assert.equal(found.facts.code, 'E_SWITCHBOARD_CHECKSUM');
});

test('memory that the kernel does not give, and no root', () => {
  assert.equal(probe(switchboard, { ...JOINED, memory: [] }).status, 'obstacle');
  assert.equal(probe(switchboard, { ...JOINED, uid: 1000 }).status, 'unknown');
});
