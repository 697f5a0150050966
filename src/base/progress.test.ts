import assert from 'node:assert/strict';
import test from 'node:test';
import { type Progress, ProgressMeter } from './progress.ts';

/** A meter whose clock the test sets. */
function meterAt(totalBytes: number): { clock: { ms: number }; reports: Progress[]; meter: ProgressMeter } {
  const clock = { ms: 1000 };
  const reports: Progress[] = [];
  const meter = new ProgressMeter(
    'read',
    totalBytes,
    (progress) => reports.push(progress),
    () => clock.ms,
  );
  return { clock, reports, meter };
}

test('reports at once, then no more often than ten times a second', () => {
  const { clock, reports, meter } = meterAt(1000);
  for (let step = 0; step < 100; step += 1) {
    clock.ms += 10;
    meter.add(10);
  }
  assert.equal(reports.length, 11);
  assert.deepEqual(reports[0], {
    stage: 'read',
    doneBytes: 0,
    totalBytes: 1000,
    rateBytesPerS: 0,
    remainingS: null,
  });
  assert.deepEqual(reports.at(-1), {
    stage: 'read',
    doneBytes: 1000,
    totalBytes: 1000,
    rateBytesPerS: 1000,
    remainingS: 0,
  });
});

test('the rate is that of the last seconds', () => {
  const { clock, reports, meter } = meterAt(100_000);
  for (let second = 0; second < 10; second += 1) {
    clock.ms += 1000;
    meter.add(second < 4 ? 10_000 : 100);
  }
  assert.equal(reports.at(-1)!.rateBytesPerS, 100);
  assert.equal(reports.at(-1)!.remainingS, (100_000 - 40_600) / 100);
});

test('an estimate that was wrong is corrected', () => {
  const { clock, reports, meter } = meterAt(10);
  clock.ms += 200;
  meter.add(20);
  assert.equal(reports.at(-1)!.totalBytes, 20);
  const over = meterAt(100);
  over.meter.add(1);
  over.meter.finish();
  assert.deepEqual([over.reports.at(-1)!.doneBytes, over.reports.at(-1)!.totalBytes], [1, 1]);
});

test('nobody has to listen', () => {
  const meter = new ProgressMeter('read', 10);
  meter.add(10);
  meter.finish();
});
