import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../base/errors.fixture.ts';
import { rangeOf } from '../base/ranges.ts';
import { physAddr } from '../base/units.ts';
import { FakeSys } from './fake.ts';
import { describeSys } from './sys.contract.ts';

describeSys('FakeSys', () => ({
  sys: new FakeSys({
    uid: 1000,
    files: { '/d/a': 'one\ntwo\n', '/d/b': '', '/d/c/x': '' },
    denied: ['/secret'],
    links: { '/link': '/d/a' },
    memory: [rangeOf(0x10_0000, 0x1000)],
  }),
  directory: '/d',
  unreadable: '/secret',
  unwritable: '/secret',
  link: '/link',
  target: '/d/a',
}));

test('FakeSys maps its memory and nothing else', () => {
  const sys = new FakeSys({ memory: [rangeOf(0x10_0000, 0x3000)] });
  sys.mapPhysical(rangeOf(0x10_1000, 0x1000)).bytes[1] = 7;
  assert.equal(sys.mapPhysical(rangeOf(0x10_0000, 0x3000)).bytes[0x1001], 7);
  failure('E_DEVMEM_REFUSED', () => sys.mapPhysical(rangeOf(0x10_2000, 0x2000)));
});

test('FakeSys keeps one image of each kind', () => {
  const sys = new FakeSys();
  const segment = { bytes: new Uint8Array(4096), destination: physAddr(0x1000) };
  sys.kexecLoad('jump', physAddr(0x1000), [segment]);
  sys.kexecLoad('crash', physAddr(0x2000), [segment]);
  sys.kexecLoad('jump', physAddr(0), []);
  assert.deepEqual([...sys.images.keys()], ['crash']);
});

test('FakeSys logs what is written to /dev/kmsg', () => {
  const sys = new FakeSys();
  sys.writeTextFile('/dev/kmsg', '<6>hello\n');
  sys.log('world');
  assert.deepEqual(sys.readKernelLog(), ['[    0.001000] hello', '[    0.002000] world']);
});
