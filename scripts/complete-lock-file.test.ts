import assert from 'node:assert/strict';
import test from 'node:test';
import { planMissingPackages } from './complete-lock-file.ts';

const plan = (optionalDependencies: Record<string, string>, present: string[] = []) =>
  planMissingPackages({
    packages: {
      'node_modules/tool': { version: '1.0.0', dev: true, optionalDependencies },
      ...Object.fromEntries(present.map((key) => [key, { version: '1.0.0' }])),
    },
  });

test('adds missing platforms with what npm needs to pass them over', () => {
  assert.deepEqual(plan({ '@tool/cli-linux-x64-musl': '1.0.0', '@tool/cli-win32-ia32-msvc': '1.0.0' }), {
    'node_modules/@tool/cli-linux-x64-musl': {
      version: '1.0.0',
      cpu: ['x64'],
      os: ['linux'],
      libc: ['musl'],
      dev: true,
      optional: true,
    },
    'node_modules/@tool/cli-win32-ia32-msvc': {
      version: '1.0.0',
      cpu: ['ia32'],
      os: ['win32'],
      dev: true,
      optional: true,
    },
  });
});

test('leaves what is there, at the top or nested', () => {
  const present = ['node_modules/a-linux-x64', 'node_modules/tool/node_modules/b-linux-x64'];
  assert.deepEqual(plan({ 'a-linux-x64': '1.0.0', 'b-linux-x64': '1.0.0' }, present), {});
});

test('refuses a name that does not say its platform', () => {
  assert.throws(() => plan({ fsevents: '2.0.0' }), /lacks fsevents/);
});
