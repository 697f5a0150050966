import { renderTable } from '../../src/cli/output.ts';
import type { SwitchReport } from '../../src/engine/resident/switch-report.ts';
import type { ProgramStory, Tour } from './tour.ts';

/** The tables at the end of the demonstration. */
export function renderTour({ reports, stories }: Tour, emulated: boolean): string {
  const pairs = Map.groupBy(reports, ({ from, to }) => `${from} → ${to}`);
  const programs = renderTable(
    ['OS', 'PROGRAM', 'COUNTS', 'AT FIRST', 'NOW', 'VISITS', 'WHAT ONLY ITS MEMORY HOLDS'],
    stories.map((story) => [
      story.program.os,
      story.program.title,
      story.program.unit,
      String(story.first.count),
      String(story.last.count),
      String(story.visits),
      renderProof(story),
    ]),
  );
  const switches = renderTable(
    ['SWITCH', 'TIMES', 'FASTEST MS', 'MEDIAN MS', 'SLOWEST MS'],
    [...pairs].map(([name, of]) => [name, String(of.length), ...renderTimes(of)]),
  );
  const note = emulated ? '\nThe processor is emulated: on metal the times are others.' : '';
  return `${programs}\n\n${switches}${note}`;
}

function renderProof({ program, last, wentOn }: ProgramStory): string {
  return `${program.proof}, ${wentOn ? 'unchanged' : 'LOST'} (${last.identity.slice(0, 8)}…)`;
}

function renderTimes(reports: readonly SwitchReport[]): string[] {
  const sorted = reports.map(({ totalMs }) => totalMs).toSorted((a, b) => a - b);
  return [sorted[0]!, sorted[Math.floor((sorted.length - 1) / 2)]!, sorted.at(-1)!].map((ms) =>
    ms.toFixed(0),
  );
}
