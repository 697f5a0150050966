/** Runs the steps of a gate and reports them as a table, with the output of failing ones only. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { runProgram } from './run-program.ts';
import { ROOT } from './source-files.ts';

export interface Outcome {
  readonly ok: boolean;
  /** Shown when the step failed. */
  readonly output: string;
  /** A few words for the table. */
  readonly note?: string;
}

export interface Step {
  readonly name: string;
  run(): Promise<Outcome>;
}

/** How a step reads its program's output. */
interface Reading {
  /** The few words for the table. */
  readonly describe?: (output: string) => string;
  /** Lines that a failing step does not show. */
  readonly hide?: RegExp;
}

/** A step that runs a program from the root of the repository. */
export function programStep(name: string, command: readonly string[], reading: Reading = {}): Step {
  return {
    name,
    async run() {
      const { ok, output, timedOut } = await runProgram(command, {
        capture: true,
        timeoutMs: STEP_TIMEOUT_MS,
      });
      const lines = output.split('\n').filter((line) => !reading.hide?.test(line));
      if (timedOut) lines.push(`stopped after ${STEP_TIMEOUT_MS / 1000} s`);
      return { ok, output: lines.join('\n'), note: reading.describe?.(output) ?? '' };
    },
  };
}

/** A hanging step must not hang the gate. */
const STEP_TIMEOUT_MS = 600_000;

/** A step that runs a TypeScript file of the repository; when it is missing, that is said. */
export function scriptStep(name: string, script: string, ...options: string[]): Step {
  if (existsSync(ROOT + script)) return programStep(name, [process.execPath, script, ...options]);
  return { name, run: async () => ({ ok: true, output: '', note: `nothing to do: there is no ${script}` }) };
}

/** A step that finds problems, in this process. */
export function problemStep(name: string, find: () => string[] | Outcome): Step {
  return { name, run: async () => asOutcome(find()) };
}

function asOutcome(found: string[] | Outcome): Outcome {
  return Array.isArray(found) ? { ok: found.length === 0, output: found.join('\n') } : found;
}

/** Runs all steps, as many at a time as there are processors. True when all succeeded. */
export async function runSteps(steps: readonly Step[], print: (line: string) => void): Promise<boolean> {
  const startedMs = performance.now();
  const nameWidth = Math.max(...steps.map((step) => step.name.length));
  const failed: { name: string; output: string }[] = [];
  const waiting = [...steps];

  const work = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      const stepStartedMs = performance.now();
      const outcome = await step
        .run()
        .catch((error: unknown) => ({ ok: false, output: String(error), note: '' }));
      const mark = outcome.ok ? '✔' : '✘';
      print(
        `${mark} ${step.name.padEnd(nameWidth)} ${seconds(stepStartedMs).padStart(7)}  ${outcome.note ?? ''}`.trimEnd(),
      );
      if (!outcome.ok) failed.push({ name: step.name, output: outcome.output.trim() });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));

  for (const { name, output } of failed) print(`\n── ${name} ──\n${output}`);
  const verdict =
    failed.length === 0 ? `All ${steps.length} passed` : `FAILED: ${failed.map((f) => f.name).join(', ')}`;
  print(`\n${verdict} (${seconds(startedMs)})`);
  return failed.length === 0;
}

/** `1.2 s` since `startedMs` of performance.now(). */
function seconds(startedMs: number): string {
  return `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
}

/** The main program of a check that is also a step: prints what is wrong, exit status 1 then. */
export function runStandalone(find: () => string[] | Outcome): void {
  const outcome = asOutcome(find());
  if (outcome.output || outcome.note) console.log(outcome.output || outcome.note);
  process.exitCode = outcome.ok ? 0 : 1;
}
