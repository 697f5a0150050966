/** `npm run soak -- switch`, `restore`, `bank-cuts`, `stock`. Exit status 0 when nothing failed, 1 when something did. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { LabConfig } from '../../lab/config/lab-config.ts';
import type { LabMachine } from '../../lab/machine/lab-machine.ts';
import { reportFailure } from '../../src/cli/fail.ts';
import { print, printJson } from '../../src/cli/output.ts';
import { bringUp, locateTestLab, withoutLeftovers } from '../perf/lab-session.ts';
import { bankSoakConfig } from './bank/config.ts';
import { BANK_USAGE, parseBankOptions } from './bank/options.ts';
import { renderBankSoak, reportBankSoak } from './bank/report.ts';
import { runBankSoak } from './bank/run.ts';
import { soakConfig } from './config.ts';
import { parseOptions, USAGE } from './options.ts';
import { runSoak } from './run-soak.ts';
import { renderSoak, reportSoak } from './soak-report.ts';
import { parseStockOptions, STOCK_USAGE } from './stock/options.ts';
import { renderStockSoak, reportStockSoak } from './stock/report.ts';
import { runStockSoak } from './stock/run.ts';
import { makePair } from './stock/stock-pair.ts';

const BANK_SOAKS = ['restore', 'bank-cuts'];

const say = (text: string): void => {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
};

async function main(argv: readonly string[]): Promise<number> {
  if (argv.includes('--help')) {
    print(`${USAGE}\n\n${BANK_USAGE}\n\n${STOCK_USAGE}`);
    return 0;
  }
  if (argv.some((word) => BANK_SOAKS.includes(word))) return await soakBank(argv);
  if (argv.includes('stock')) return await soakStock(argv);
  const options = parseOptions(argv);
  return await onMachine(options, soakConfig(options.config), async (machine) => {
    const result = await runSoak(machine, options, say);
    const report = reportSoak(result, options.seed, machine.spec.accel === 'tcg');
    if (options.json) printJson(report);
    else print(renderSoak(report));
    return result.failure === null;
  });
}

async function soakBank(argv: readonly string[]): Promise<number> {
  const options = parseBankOptions(argv);
  return await onMachine(options, bankSoakConfig(options.config), async (machine) => {
    const result = await runBankSoak(machine, options, say);
    const report = reportBankSoak(result, options, machine.spec.accel === 'tcg');
    if (options.json) printJson(report);
    else print(renderBankSoak(report));
    return result.failure === null;
  });
}

/** A machine of its own, whose disks go when all was well. */
async function soakStock(argv: readonly string[]): Promise<number> {
  const options = parseStockOptions(argv);
  const { directory } = locateTestLab('soak-stock');
  const disks = join(directory, 'machine');
  say(`seed ${options.seed}; the machine is in ${disks}`);
  rmSync(disks, { recursive: true, force: true });
  mkdirSync(disks, { recursive: true });
  const machine = await makePair(disks, say);
  let isKept = false;
  try {
    const result = await runStockSoak(machine, directory, options, say);
    const report = reportStockSoak(result, options);
    if (options.json) printJson(report);
    else print(renderStockSoak(report));
    if (result.failure === null) rmSync(disks, { recursive: true });
    isKept = options.keep && result.failure !== null;
    return result.failure === null ? 0 : 1;
  } finally {
    if (isKept) say('the machine runs until Ctrl-C');
    else await machine.cut();
  }
}

/** A machine with all its OSes for `action`, which says whether all was well; then it ends in order. */
async function onMachine(
  options: { readonly seed: number; readonly keep: boolean },
  config: LabConfig,
  action: (machine: LabMachine) => Promise<boolean>,
): Promise<number> {
  const state = locateTestLab('soak');
  say(`seed ${options.seed}; the machine is in ${state.directory}`);
  return await withoutLeftovers(
    state,
    async () => {
      const machine = await bringUp(config, state);
      try {
        if (!(await action(machine))) return 1;
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
