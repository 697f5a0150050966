import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../base/errors.fixture.ts';
import { FakeSys } from '../../sys/fake.ts';
import { KERNEL } from './image.fixture.ts';
import { checkLoader, readLoader } from './loader.ts';

function kernelWith(entries: readonly (readonly [string, string, string])[]): FakeSys {
  const files: Record<string, string> = {
    '/proc/zoneinfo':
      'Node 0, zone      DMA\n        present  3998\nNode 0, zone    DMA32\n        present  126943\n',
    '/proc/meminfo': 'MemTotal: 500000 kB\nMemAvailable:     400000 kB\n',
  };
  for (const [index, [start, end, type]] of entries.entries()) {
    const place = `/sys/firmware/memmap/${index}`;
    Object.assign(files, {
      [`${place}/start`]: `${start}\n`,
      [`${place}/end`]: `${end}\n`,
      [`${place}/type`]: `${type}\n`,
    });
  }
  return new FakeSys({ files, release: '6.1.0-50-amd64' });
}

const MAP = [
  ['0x0', '0x9fbff', 'System RAM'],
  ['0x9fc00', '0x9ffff', 'Reserved'],
  ['0xf0000', '0xfffff', 'Reserved'],
  ['0x100000', '0x1ffdffff', 'System RAM'],
  ['0x1ffe0000', '0x1fffffff', 'Reserved'],
  ['0xfffc0000', '0xffffffff', 'Reserved'],
] as const;

test('readLoader() computes what the kernel compares', () => {
  const loader = readLoader(kernelWith(MAP));
  assert.equal(loader.physPages, 130_941);
  assert.equal(loader.dialect, 'plain');
  assert.equal(loader.availableBytes, 400_000 * 1024);
  assert.equal(typeof loader.e820Checksum, 'number');
  assert.notEqual(loader.e820Checksum, readLoader(kernelWith(MAP.slice(1))).e820Checksum);
});

test('a map with more than ten entries is in the order of their numbers', () => {
  const many = Array.from({ length: 12 }, (_, index) => {
    const at = (value: number): string => `0x${(index * 0x1000 + value).toString(16)}`;
    return [at(0), at(0xfff), 'Reserved'] as const;
  });
  const moved = [...many.slice(0, 1), ...many.slice(2, 3), ...many.slice(1, 2), ...many.slice(3)];
  const checksum = (map: typeof many) => readLoader(kernelWith(map)).e820Checksum;
  assert.notEqual(checksum(many), checksum(moved));
});

test('what this kernel does not show is not compared', () => {
  const unknown = readLoader(kernelWith([['0x0', '0xfff', 'Something new']]));
  assert.equal(unknown.e820Checksum, null);
  checkLoader(KERNEL, { ...unknown, physPages: null });
  assert.equal(readLoader(new FakeSys()).e820Checksum, null);
});

test('another firmware map or another size of memory is E_OTHER_MACHINE', () => {
  const loader = readLoader(kernelWith(MAP));
  const same = { ...KERNEL, e820Checksum: loader.e820Checksum!, physPages: loader.physPages! };
  checkLoader(same, loader);
  const { facts } = failure('E_OTHER_MACHINE', () => checkLoader({ ...same, physPages: 1 }, loader));
  assert.match(String(facts.differences), /1 pages of memory and has 130941/);
  failure('E_OTHER_MACHINE', () => checkLoader({ ...same, e820Checksum: 1 }, loader));
});
