import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firmwareFiles, probe } from '../probe.fixture.ts';
import { memorySize } from './memory-size.ts';

const withMemory = (last: string, more: object = {}) => ({
  files: {
    ...firmwareFiles(['0x0', '0x9fbff'], ['0x100000', last]),
    '/proc/meminfo': 'MemTotal:  2000000 kB\n',
  },
  ...more,
});

test('room for slots', () => {
  const found = probe(memorySize, withMemory('0x7fffffff'));
  assert.equal(found.status, 'ok');
  assert.equal(found.facts.suggestion, '2x512M');
});

test('too little, too much', () => {
  assert.equal(probe(memorySize, withMemory('0xfffffff')).status, 'obstacle');
  assert.equal(probe(memorySize, withMemory('0xffffffffff')).remedy, 'kernel argument mem=512G');
  assert.equal(probe(memorySize, withMemory('0xffffffffff', { arguments: 'mem=512G' })).status, 'ok');
});

test('a guest has what home gave it', () => {
  const found = probe(memorySize, withMemory('0xfffffff', { arguments: 'torpor.slot=2' }));
  assert.deepEqual([found.status, found.facts.slot], ['ok', 2]);
});
