import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeSys } from '../sys/fake.ts';
import { readRunningJumpPath } from './kernel-text.ts';
import { fakeKcore, jumpPathCode } from './probe.fixture.ts';

const verdict = (kcore: Uint8Array | string) =>
  readRunningJumpPath(new FakeSys({ files: { '/proc/kcore': kcore } }))?.verdict;

test('the image is found among the program headers', () => {
  assert.equal(verdict(fakeKcore(jumpPathCode(true))), 'sound');
  assert.equal(verdict(fakeKcore(jumpPathCode(false))), 'unsound');
  assert.equal(verdict(fakeKcore(Buffer.alloc(4096))), 'absent');
});

test('code across the border of two pieces is found', () => {
  const code = jumpPathCode(true);
  for (const cut of [1, 10, code.length - 1]) {
    const padded = Buffer.concat([code, Buffer.alloc(100)]);
    assert.equal(verdict(fakeKcore(padded, 1024 * 1024 - cut + padded.length)), 'sound');
  }
});

test('no file, an empty one and a damaged one give no answer', () => {
  assert.equal(readRunningJumpPath(new FakeSys()), null);
  assert.equal(readRunningJumpPath(new FakeSys({ files: { '/proc/kcore': '' } })), null);
  const short = fakeKcore(jumpPathCode(true)).subarray(0, 80);
  assert.equal(readRunningJumpPath(new FakeSys({ files: { '/proc/kcore': short } })), null);
});
