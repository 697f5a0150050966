import { setTimeout as sleep } from 'node:timers/promises';
import type { SwitchReport } from '../../src/engine/resident/switch-report.ts';
import type { LabMachine } from '../machine/lab-machine.ts';
import { type DemoProgram, PROGRAMS, type ProgramState, readProgram } from './programs.ts';

const LAPS = 4;
/** How long each OS works before the next switch. */
const DWELL_MS = 3_000;

/** What became of one program over all visits. */
export interface ProgramStory {
  readonly program: DemoProgram;
  readonly first: ProgramState;
  readonly last: ProgramState;
  /** Arrivals in its OS at which it was asked. */
  readonly visits: number;
  /** It is the same process as at the start, and it went on between all visits. */
  readonly wentOn: boolean;
}

export interface Tour {
  readonly reports: readonly SwitchReport[];
  readonly stories: readonly ProgramStory[];
}

/** Goes round through the OSes; at each arrival its program must be the same one and further than before. */
export async function tour(
  machine: LabMachine,
  started: ReadonlyMap<string, ProgramState>,
  onSwitch: (report: SwitchReport | null, hostMs: number, story: ProgramStory, gained: number) => void,
): Promise<Tour> {
  const reports: SwitchReport[] = [];
  const stories = new Map(
    PROGRAMS.map((program): [string, ProgramStory] => {
      const first = started.get(program.os)!;
      return [program.os, { program, first, last: first, visits: 0, wentOn: true }];
    }),
  );
  for (let lap = 0; lap < LAPS; lap += 1) {
    for (const program of PROGRAMS) {
      const { report, hostMs } = await machine.switchTo(program.os);
      if (report !== null) reports.push(report);
      const before = stories.get(program.os)!;
      // It has worked before it was parked and works now: by the end of the visit it must be further.
      await sleep(DWELL_MS);
      const last = await readProgram(machine, program);
      const isSame = last.identity === before.first.identity && last.count > before.last.count;
      const story = { ...before, last, visits: before.visits + 1, wentOn: before.wentOn && isSame };
      stories.set(program.os, story);
      onSwitch(report, hostMs, story, last.count - before.last.count);
    }
  }
  return { reports, stories: [...stories.values()] };
}
