import assert from 'node:assert/strict';
import test from 'node:test';
import type { Progress } from '../base/progress.ts';
import { MIB } from '../base/units.ts';
import { type ProgressStream, renderDuration, reportProgress } from './progress.ts';

const TERMINAL = { isTTY: true, columns: 100 };

/** A second of a stage, ten times a second, on a stream of that kind. */
function show(stream: Omit<ProgressStream, 'write'>, seconds: number, around = {}): string[] {
  const written: string[] = [];
  let ms = 0;
  const report = reportProgress(
    { ...stream, write: (text) => written.push(text) },
    { now: () => ms, term: 'xterm', terminal: '/dev/pts/1', ...around },
  );
  for (let step = 0; step <= seconds * 10; step += 1, ms += 100) report(progressAt(step, seconds * 10));
  return written;
}

function progressAt(step: number, steps: number): Progress {
  return {
    stage: 'read',
    doneBytes: step * MIB,
    totalBytes: steps * MIB,
    rateBytesPerS: 10 * MIB,
    remainingS: (steps - step) / 10,
  };
}

test('what takes less than a second shows nothing', () => {
  assert.deepEqual(show(TERMINAL, 1), []);
  assert.deepEqual(show({}, 1), []);
});

test('a terminal gets one line that is rewritten, and erased at the end', () => {
  const written = show(TERMINAL, 2);
  assert.equal(written[0], '\r\x1b[Kread  ██████████░░░░░░░░░░  50 %  10 MiB of 20 MiB  10 MiB/s  0:01 left');
  assert.equal(written.length, 11);
  assert.equal(written.at(-1), '\r\x1b[K');
});

test('a new stage erases the line of the one before', () => {
  const written: string[] = [];
  let ms = 0;
  const stream = { ...TERMINAL, write: (text: string) => written.push(text) };
  const report = reportProgress(stream, { now: () => ms, term: 'xterm', terminal: null });
  report(progressAt(0, 10));
  ms = 1500;
  report(progressAt(5, 10));
  report({ ...progressAt(0, 10), stage: 'write' });
  assert.deepEqual(written.slice(1), ['\r\x1b[K']);
});

test('serial consoles, dumb terminals, narrow ones and logs get a plain line every ten seconds', () => {
  const kinds = [
    show(TERMINAL, 25, { terminal: '/dev/ttyS0' }),
    show(TERMINAL, 25, { terminal: '/dev/hvc0' }),
    show(TERMINAL, 25, { term: 'dumb' }),
    show(TERMINAL, 25, { term: undefined }),
    show({ isTTY: true, columns: 40 }, 25),
    show({}, 25),
  ];
  for (const written of kinds) {
    assert.deepEqual(written, [
      'read:  4 %  10 MiB of 250 MiB  10 MiB/s  0:24 left\n',
      'read: 44 %  110 MiB of 250 MiB  10 MiB/s  0:14 left\n',
      'read: 84 %  210 MiB of 250 MiB  10 MiB/s  0:04 left\n',
    ]);
  }
});

test('durations', () => {
  assert.deepEqual([0.2, 65, 3723].map(renderDuration), ['0:01', '1:05', '1:02:03']);
});
