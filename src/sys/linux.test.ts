import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openLinux } from './linux.ts';
import { describeSys } from './sys.contract.ts';

const directories: string[] = [];
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true });
});

describeSys('the running kernel', () => {
  const root = mkdtempSync(join(tmpdir(), 'torpor-sys-'));
  directories.push(root);
  const directory = join(root, 'd');
  mkdirSync(join(directory, 'c'), { recursive: true });
  writeFileSync(join(directory, 'a'), 'one\ntwo\n');
  writeFileSync(join(directory, 'b'), '');
  writeFileSync(join(directory, 'c/x'), '');
  symlinkSync('d/a', join(root, 'link'));
  return {
    sys: openLinux(),
    directory,
    unreadable: directory,
    unwritable: join(root, 'missing/file'),
    link: join(root, 'link'),
    target: 'd/a',
  };
});

test('files of /proc, which have no size, are read whole', () => {
  const sys = openLinux();
  assert.match(sys.readTextFile('/proc/version') ?? '', /^Linux version /);
  assert.ok((sys.readTextFile('/proc/self/status') ?? '').includes('\nPid:\t'));
});

test('the time stamp counter and the monotonic clock agree on what a millisecond is', () => {
  const sys = openLinux();
  const measure = (): number => {
    const [startNs, startTsc] = [sys.monotonicNs(), sys.readTsc()];
    while (sys.monotonicNs() - startNs < 5_000_000n);
    const ticks = Number(sys.readTsc() - startTsc);
    return ticks / (Number(sys.monotonicNs() - startNs) / 1e6);
  };
  // In a virtual machine the counters of two processors can differ, and this program may change processors.
  const perMs = Array.from({ length: 9 }, measure).toSorted((a, b) => a - b)[4]!;
  assert.ok(perMs > 1e5 && perMs < 1e7, `${perMs} ticks in a millisecond`);
});

test('a program is run with its variables; how it ended and what it said is known', () => {
  const sys = openLinux();
  const root = mkdtempSync(join(tmpdir(), 'torpor-run-'));
  directories.push(root);
  const script = (name: string, text: string): string => {
    const path = join(root, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return path;
  };
  const says = sys.runProgram(
    script('a', 'echo "$TORPOR_OS"; echo bad >&2; exit 3'),
    { TORPOR_OS: 'tiny' },
    5000,
  );
  assert.deepEqual(says, { status: 3, failure: null, output: 'tiny\nbad' });
  assert.deepEqual(sys.runProgram(script('b', 'exec sleep 30'), {}, 50), {
    status: null,
    failure: 'ETIMEDOUT',
    output: '',
  });
  assert.equal(sys.runProgram(join(root, 'missing'), {}, 5000).failure, 'ENOENT');
});
