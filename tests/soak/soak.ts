/** `npm run soak -- switch`: see options.ts. Exit status 0 when nothing failed, 1 when something did. */
import { reportFailure } from '../../src/cli/fail.ts';
import { print, printJson } from '../../src/cli/output.ts';
import { bringUp, locateTestLab, withoutLeftovers } from '../perf/lab-session.ts';
import { soakConfig } from './config.ts';
import { parseOptions, USAGE } from './options.ts';
import { runSoak } from './run-soak.ts';
import { renderSoak, reportSoak } from './soak-report.ts';

const say = (text: string): void => {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
};

async function main(argv: readonly string[]): Promise<number> {
  if (argv.includes('--help')) {
    print(USAGE);
    return 0;
  }
  const options = parseOptions(argv);
  const config = soakConfig(options.config);
  const state = locateTestLab('soak');
  say(`seed ${options.seed}; the machine is in ${state.directory}`);
  return await withoutLeftovers(
    state,
    async () => {
      const machine = await bringUp(config, state);
      try {
        const result = await runSoak(machine, options, say);
        const report = reportSoak(result, options.seed, machine.spec.accel === 'tcg');
        if (options.json) printJson(report);
        else print(renderSoak(report));
        if (result.failure !== null) return 1;
        await machine.shutDown((step) => say(step));
        return 0;
      } finally {
        machine.close();
      }
    },
    (status) => options.keep && status !== 0,
  );
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = reportFailure(error, false);
}
