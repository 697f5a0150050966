import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeSys } from '../sys/fake.ts';
import { runHooks } from './hooks.ts';

const FACTS = { TORPOR_OS: 'tiny', TORPOR_FROM: 'monitor', TORPOR_AWAY_SECONDS: '7' };

function sysWith(...paths: string[]): FakeSys {
  return new FakeSys({ files: Object.fromEntries(paths.map((path) => [path, ''])) });
}

test('nothing is run when there is no directory', () => {
  const sys = new FakeSys();
  assert.deepEqual(runHooks(sys, 'post-resume', FACTS), []);
  assert.deepEqual(sys.programs, []);
});

test('hooks of one kind are run in the order of their names, with the facts', () => {
  const directory = '/etc/torpor/post-resume.d';
  const names = ['20-b', '10-a', '30-c~', 'x.dpkg-old', '.hidden'];
  const sys = sysWith(...names.map((name) => `${directory}/${name}`), '/etc/torpor/pre-park.d/other');
  assert.deepEqual(runHooks(sys, 'post-resume', FACTS), []);
  assert.deepEqual(sys.programs, [
    { path: `${directory}/10-a`, environment: FACTS },
    { path: `${directory}/20-b`, environment: FACTS },
  ]);
});

test('a hook that fails is warned of, and the next one runs', () => {
  const sys = sysWith(...['a', 'b', 'c', 'd'].map((name) => `/etc/torpor/pre-park.d/${name}`));
  sys.onRun = (path) => {
    if (path.endsWith('a')) return { status: 3, failure: null, output: 'line\nno lease' };
    if (path.endsWith('b')) return { status: null, failure: 'ETIMEDOUT', output: '' };
    if (path.endsWith('c')) return { status: null, failure: 'EACCES', output: '' };
    return { status: 0, failure: null, output: 'done' };
  };
  const warnings = runHooks(sys, 'pre-park', FACTS);
  assert.deepEqual(warnings, [
    '/etc/torpor/pre-park.d/a failed: status 3: no lease',
    '/etc/torpor/pre-park.d/b failed: it took longer than 10 s',
  ]);
  assert.equal(sys.programs.length, 4);
  assert.match(sys.readKernelLog().join('\n'), /torpor: .*no lease\n.*torpor: .*10 s/);
});

test('a directory that cannot be read stops nothing', () => {
  const sys = new FakeSys({ denied: ['/etc/torpor/pre-park.d'] });
  assert.deepEqual(runHooks(sys, 'pre-park', FACTS), []);
});
