import assert from 'node:assert/strict';
import { test } from 'node:test';
import { releaseMemory } from './release-memory.ts';

const rssMib = (): number => process.memoryUsage.rss() / 2 ** 20;

test('garbage is given back to the kernel', () => {
  for (let index = 0; index < 60; index += 1) Buffer.alloc(2 ** 20, 1);
  const before = rssMib();
  releaseMemory();
  assert.ok(before - rssMib() > 20, `${before} MiB before, ${rssMib()} MiB after it`);
});
