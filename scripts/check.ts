/** The gate: everything that can be said about the code in under a minute, without root and without a lab. */
import { checkRepositoryFileSizes } from './check-file-sizes.ts';
import { checkRepositoryLayers } from './check-layers.ts';
import { checkRepositoryWords } from './check-words.ts';
import { checkLockFile } from './complete-lock-file.ts';
import { checkErrorDocs } from './generate-error-docs.ts';
import { problemStep, programStep, runSteps, type Step, scriptStep } from './run-steps.ts';

const node = process.execPath;
const bin = 'node_modules/.bin';
/** On two processors node:test would take one file at a time; the files share nothing. */
const unitTests = [node, '--test', '--test-concurrency=4', '--test-reporter=spec', '--test-timeout=120000'];
const unitTestFiles = [
  ...['src/**/*.test.ts', 'lab/**/*.test.ts', 'scripts/**/*.test.ts', 'tests/asm/*.test.ts'],
  // What runs on machines stands in tests/lab itself.
  ...['tests/lab/*/*.test.ts', 'tests/perf/**/*.test.ts', 'tests/soak/**/*.test.ts'],
];

const knip = ['--no-progress', '--no-config-hints'];

/** The slow ones first: steps start in this order, as many at a time as there are processors. */
const STEPS: readonly Step[] = [
  programStep('unit tests', [...unitTests, ...unitTestFiles], {
    describe: describeTests,
    hide: /^\s*[✔﹣ℹ▶] /,
  }),
  programStep('dead code', [node, `${bin}/knip`, ...knip]),
  programStep('only tested code', [node, `${bin}/knip`, ...knip, '--production', '--include=files,exports']),
  programStep('types', [node, `${bin}/tsc`, '--pretty', 'false']),
  programStep('lint and format', [
    node,
    `${bin}/biome`,
    'check',
    '--error-on-warnings',
    '--max-diagnostics=20',
  ]),
  scriptStep('trampoline is fresh', 'scripts/build-trampoline.ts', '--check'),
  problemStep('lock file is whole', checkLockFile),
  problemStep('error docs are fresh', checkErrorDocs),
  problemStep('import layers', checkRepositoryLayers),
  problemStep('file sizes', checkRepositoryFileSizes),
  problemStep('forbidden words', checkRepositoryWords),
];

/** `121 passed, 2 skipped` of the figures that the spec reporter ends with. */
function describeTests(output: string): string {
  const figure = (name: string): number =>
    Number(new RegExp(`^ℹ ${name} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
  const counts = [
    ['passed', 'pass'],
    ['failed', 'fail'],
    ['skipped', 'skipped'],
  ] as const;
  const parts = counts.map(([word, name]) => [word, figure(name)] as const).filter(([, count]) => count > 0);
  return parts.map(([word, count]) => `${count} ${word}`).join(', ');
}

if (!(await runSteps(STEPS, console.log))) process.exitCode = 1;
