/** `npm test`: the gate, then the tests on real kernels in the lab. Goes on to the end whatever fails. */
import { globSync } from 'node:fs';
import { runProgram } from './run-program.ts';
import { ROOT } from './source-files.ts';

/** From a clean checkout without a cache, on two processors. */
const BUDGET_MINUTES = 80;
const LAB_TESTS = 'tests/lab/*.test.ts';

const startedMs = performance.now();
const elapsedMinutes = (): number => (performance.now() - startedMs) / 60_000;

/** Runs one part with what is left of the budget; at its end the part is stopped. */
async function runPart(name: string, command: readonly string[]): Promise<string | null> {
  console.log(`\n═══ ${name} ═══`);
  const timeoutMs = Math.max(0, BUDGET_MINUTES - elapsedMinutes()) * 60_000;
  const { ok, timedOut } = await runProgram(command, { capture: false, timeoutMs });
  if (timedOut) return `${name}: stopped, the ${BUDGET_MINUTES} minutes are over`;
  return ok ? null : `${name}: failed`;
}

const labTests = globSync(LAB_TESTS, { cwd: ROOT }).toSorted();
const failures = [await runPart('gate', [process.execPath, 'scripts/check.ts'])];
if (labTests.length > 0) {
  // One at a time: every file runs a machine of its own, which takes all processors.
  const command = [process.execPath, '--test', '--test-concurrency=1', '--test-reporter=spec', ...labTests];
  failures.push(await runPart(`lab, ${labTests.length} files`, command));
} else {
  console.log(`\n═══ lab ═══\nThere are no lab tests: nothing matches ${LAB_TESTS}`);
}

const failed = failures.filter((failure) => failure !== null);
console.log(`\n═══ ${failed.length === 0 ? 'all passed' : failed.join('; ')} ═══`);
console.log(`${elapsedMinutes().toFixed(1)} of ${BUDGET_MINUTES} minutes`);
process.exitCode = failed.length === 0 ? 0 : 1;
