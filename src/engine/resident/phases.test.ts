import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fakeMachine, park } from '../../switchboard/fake.ts';
import { LOG_MARKS } from './log-marks.ts';
import { departurePhases, resumePhases, splitDeparture, type TimedLine } from './phases.ts';

/** `[ms, text]` of each record; texts as in kernel/power/process.c and kernel/cpu.c. */
type Log = readonly (readonly [number, string])[];
const timed = (log: Log): TimedLine[] => log.map(([ms, text]) => ({ ms, text }));
const dmesg = (log: Log): string[] =>
  log.map(([ms, text]) => `[${(ms / 1000).toFixed(6).padStart(12)}] ${text}`);

const DEPARTURE_612: Log = [
  [1000, LOG_MARKS.leave],
  [1000.2, 'Freezing user space processes'],
  [1012, 'Freezing user space processes completed (elapsed 0.011 seconds)'],
  [1012.1, 'OOM killer disabled.'],
  [1012.2, 'printk: Suspending console(s) (use no_console_suspend to debug)'],
  [1030, 'ata1.00: Entering standby power mode'],
  [1032, 'Disabling non-boot CPUs ...'],
  [1036, 'smpboot: CPU 1 is now offline'],
];
const RESUME_612: Log = [
  [1037, 'Enabling non-boot CPUs ...'],
  [1037.1, 'smpboot: Booting Node 0 Processor 1 APIC 0x1'],
  [1041, 'CPU1 is up'],
  [1061, 'virtio_blk virtio0: 2/0/0 default/read/poll queues'],
  [1064, 'OOM killer enabled.'],
  [1065, 'Restarting tasks ... done.'],
  [1067, LOG_MARKS.arrive],
];

test('splitDeparture() cuts the log of 6.12 at the frozen tasks and the quiet devices', () => {
  assert.deepEqual(splitDeparture(timed(DEPARTURE_612), 40), { freeze: 12, devices: 20, cpus: 8 });
});

test('splitDeparture() reads the single line of 6.1, whose time is that of its beginning', () => {
  const log: Log = [
    [1000, LOG_MARKS.leave],
    [1001, 'Freezing user space processes ... (elapsed 0.011 seconds) done.'],
    [1032, 'Disabling non-boot CPUs ...'],
  ];
  assert.deepEqual(splitDeparture(timed(log), 40), { freeze: 12, devices: 20, cpus: 8 });
});

test('splitDeparture() takes the last departure', () => {
  const earlier = DEPARTURE_612.map(([ms, text]) => [ms - 500, text] as const);
  assert.deepEqual(splitDeparture(timed([...earlier, ...DEPARTURE_612]), 40)?.freeze, 12);
});

test('splitDeparture() is null when a line is missing, and cpus is never negative', () => {
  for (const [index, [, text]] of DEPARTURE_612.entries()) {
    if (!/parking|completed|Disabling/.test(text)) continue;
    assert.equal(splitDeparture(timed(DEPARTURE_612.toSpliced(index, 1)), 40), null, text);
  }
  assert.equal(splitDeparture([], 40), null);
  assert.equal(splitDeparture(timed(DEPARTURE_612), 10)?.cpus, 0);
});

test('resumePhases() cuts the log of 6.12 at the processors and the tasks', () => {
  assert.deepEqual(round(resumePhases(dmesg([...DEPARTURE_612, ...RESUME_612]), 31)), {
    cpus: 5,
    devices: 24,
    tasks: 2,
  });
});

test('resumePhases() reads the names of the callers that PRINTK_CALLER adds', () => {
  const log = dmesg([...DEPARTURE_612, ...RESUME_612]).map((line) => line.replace('] ', '][    T1] '));
  assert.equal(round(resumePhases(log, 31))?.tasks, 2);
});

test('resumePhases() takes the first of the two lines that 6.16 and later write about tasks', () => {
  const log = RESUME_612.flatMap(
    ([ms, text]): Log =>
      text.startsWith('Restarting')
        ? [
            [ms, 'Restarting tasks: Starting'],
            [ms + 1.5, 'Restarting tasks: Done'],
          ]
        : [[ms, text]],
  );
  assert.deepEqual(round(resumePhases(dmesg([...DEPARTURE_612, ...log]), 31)), {
    cpus: 5,
    devices: 24,
    tasks: 2,
  });
});

test('resumePhases() with one processor has no part for processors', () => {
  const log = [...DEPARTURE_612, ...RESUME_612].filter(([, text]) => !/CPU|Processor/.test(text));
  assert.deepEqual(round(resumePhases(dmesg(log), 31)), { cpus: 0, devices: 29, tasks: 2 });
});

test('resumePhases() does not take lines of an earlier switch', () => {
  const earlier = [...DEPARTURE_612, ...RESUME_612].map(([ms, text]) => [ms - 500, text] as const);
  const now = RESUME_612.filter(([, text]) => !text.startsWith('Restarting'));
  assert.equal(resumePhases(dmesg([...earlier, ...DEPARTURE_612, ...now]), 31), null);
  assert.equal(resumePhases(dmesg(RESUME_612), 31), null, 'no leaving mark');
  assert.equal(resumePhases([], 31), null);
});

test('departurePhases() is null when the leaver never said where its log is, or its memory is damaged', () => {
  const made = fakeMachine();
  park(made, 1, 'a');
  assert.equal(departurePhases(made.sys, made.switchboard.record(1), 5), null);
  const { memory } = made.switchboard.record(1);
  made.switchboard.describe(1, { vmcoreinfo: { address: memory.start, sizeBytes: 4096 } });
  assert.equal(departurePhases(made.sys, made.switchboard.record(1), 5), null, 'not mapped');
  const mapped = fakeMachine([memory]);
  assert.equal(departurePhases(mapped.sys, made.switchboard.record(1), 5), null, 'no note there');
});

test('any log gives figures or null', () => {
  const text = fc.oneof(
    fc.constantFrom(...[...DEPARTURE_612, ...RESUME_612].map(([, line]) => line)),
    fc.string(),
  );
  const log = fc.array(fc.tuple(fc.nat(1e6), text), { maxLength: 20 });
  fc.assert(
    fc.property(log, fc.nat(1000), (entries, totalMs) => {
      const departure = splitDeparture(timed(entries), totalMs);
      const resume = resumePhases(dmesg(entries), totalMs);
      for (const value of [...Object.values(departure ?? {}), ...Object.values(resume ?? {})])
        assert.ok(Number.isFinite(value));
    }),
  );
});

/** Times in dmesg have microseconds. */
function round<T extends Record<string, number>>(parts: T | null): Record<string, number> | null {
  if (parts === null) return null;
  return Object.fromEntries(Object.entries(parts).map(([name, ms]) => [name, Math.round(ms * 1000) / 1000]));
}
