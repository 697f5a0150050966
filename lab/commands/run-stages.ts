import { Listr, PRESET_TIMER } from 'listr2';
import type { Stage } from '../machine/stage.ts';

/** A narrower terminal, or one of unknown width, gets plain lines. */
const MIN_COLUMNS = 40;

/**
 * Runs stages one after the other and shows them: live on a terminal, otherwise as plain lines on
 * standard error, because standard output is for results then.
 */
export async function runStages(stages: readonly Stage[]): Promise<void> {
  const { stdout, stderr } = process;
  if (stderr.isTTY && stdout.isTTY && stdout.columns >= MIN_COLUMNS) return await runLive(stages);
  for (const { title, run } of stages) {
    const started = performance.now();
    let last = '';
    await run((text) => {
      // A line per percent would drown a log; the words before the figure tell enough.
      const words = text.replace(/ \d+ ?%?$/, '');
      if (words !== last) stderr.write(`  ${title}: ${words}\n`);
      last = words;
    });
    stderr.write(`✓ ${title} (${((performance.now() - started) / 1000).toFixed(1)} s)\n`);
  }
}

async function runLive(stages: readonly Stage[]): Promise<void> {
  const tasks = stages.map(({ title, run }) => ({
    title,
    task: async (_: unknown, task: { output: string }): Promise<void> =>
      await run((text) => {
        task.output = text;
      }),
  }));
  await new Listr(tasks, { rendererOptions: { timer: PRESET_TIMER } }).run();
}
