import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labConfig } from './build-kernel.ts';
import { checkConfig, parseConfig } from './config-check.ts';
import { KERNEL_VERSION_NAMES, KERNEL_VERSIONS, type KernelVersion } from './versions.ts';

test('parseConfig() reads values, strings and what is off; a later line wins', () => {
  const config = parseConfig('# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C="x=y"\nCONFIG_B=n\n# prose\n');
  assert.deepEqual(
    [...config],
    [
      ['A', 'n'],
      ['B', 'n'],
      ['C', '"x=y"'],
    ],
  );
});

test('checkConfig() names what is not in effect, but not what is exempt', () => {
  const wanted = parseConfig('CONFIG_A=y\nCONFIG_B=n\nCONFIG_C=16\nCONFIG_D=y\nCONFIG_E=n\n');
  const effective = parseConfig('CONFIG_A=y\nCONFIG_B=y\nCONFIG_C=64\n');
  assert.deepEqual(checkConfig(wanted, effective, new Set(['D'])), [
    { option: 'B', wanted: 'n', got: 'y' },
    { option: 'C', wanted: '16', got: '64' },
  ]);
});

for (const name of KERNEL_VERSION_NAMES) {
  test(`the configuration of ${name} wants no option twice and excuses only what it wants`, async () => {
    const kernel: KernelVersion = KERNEL_VERSIONS[name];
    const text = await labConfig(kernel);
    const lines = text.split('\n').filter((line) => line.startsWith('CONFIG_'));
    const wanted = parseConfig(text);
    assert.equal(lines.length, wanted.size);
    for (const option of Object.keys(kernel.lacks)) assert.ok(wanted.has(option), option);
  });
}
