/** `npm run -s bench -- switch`, `bank`, `stock` and `pipeline`: see options.ts. Results on standard output, progress on standard error. */

import { join } from 'node:path';
import type { LabState } from '../../lab/machine/state.ts';
import { reportFailure } from '../../src/cli/fail.ts';
import { print, printJson } from '../../src/cli/output.ts';
import { bankBenchConfig } from './bank/config.ts';
import { type BankSamples, measureBank } from './bank/measure.ts';
import { renderBank, summarizeBank } from './bank/result.ts';
import { measurePipeline, PIPELINE_USAGE, parsePipelineOptions, renderPipeline } from './bank-pipeline.ts';
import { assemble, locateTestLab, withoutLeftovers } from './lab-session.ts';
import {
  BANK_USAGE,
  type BankBenchOptions,
  type BenchOptions,
  parseBankBenchOptions,
  parseOptions,
  parseStockBenchOptions,
  STOCK_USAGE,
  type StockBenchOptions,
  USAGE,
} from './options.ts';
import { measureStock } from './stock/measure.ts';
import { renderStock, summarizeStock } from './stock/result.ts';
import { measureComparison, measureHibernation } from './switch/comparison.ts';
import { benchConfig, PAIR, SLOT_SIZES_MIB } from './switch/config.ts';
import { measureSwitches, type SwitchSamples } from './switch/measure.ts';
import { renderBench, summarizeBench } from './switch/result.ts';

const say = (text: string): void => {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
};

async function main(argv: readonly string[]): Promise<void> {
  if (argv.includes('--help')) {
    print([USAGE, BANK_USAGE, STOCK_USAGE, PIPELINE_USAGE].join('\n\n'));
    return;
  }
  if (argv.includes('pipeline')) return await benchPipeline(argv);
  if (argv.includes('bank')) return await benchBank(parseBankBenchOptions(argv));
  if (argv.includes('stock')) return await benchStock(parseStockBenchOptions(argv));
  const options = parseOptions(argv);
  const state = locateTestLab('bench');
  const { samples, machine } = await benchSwitches(state, options);
  const comparison = options.compare ? await measureComparison(state, say) : null;
  const result = summarizeBench(samples, comparison, machine);
  if (options.json) printJson(result);
  else print(renderBench(result));
}

/** Needs no lab: all of it runs on this machine. */
async function benchPipeline(argv: readonly string[]): Promise<void> {
  const { image, json } = parsePipelineOptions(argv);
  const result = await measurePipeline(image === undefined ? { say } : { say, image });
  if (json) printJson(result);
  else print(renderPipeline(result));
}

async function benchBank(options: BankBenchOptions): Promise<void> {
  const state = locateTestLab('bench');
  const { samples, machine } = await onBankMachine(state, options);
  const hibernation = options.quick ? null : await measureHibernation(state, say);
  say('the bank on this host, without a machine');
  const native = options.quick ? null : await measurePipeline({ image: samples.image.files.memory, say });
  samples.image.remove();
  const result = summarizeBank(samples, hibernation, native, machine);
  if (options.json) printJson(result);
  else print(renderBank(result));
}

/** Its machine is another one than the lab's. */
async function benchStock(options: StockBenchOptions): Promise<void> {
  const directory = join(locateTestLab('bench').directory, 'stock');
  const result = summarizeStock(await measureStock(directory, options, say));
  if (options.json) printJson(result);
  else print(renderStock(result));
}

async function onBankMachine(
  state: LabState,
  options: BankBenchOptions,
): Promise<{ samples: BankSamples; machine: { cpus: number; emulated: boolean } }> {
  return await withoutLeftovers(state, async () => {
    const machine = await assemble(bankBenchConfig(), state);
    const { cpus, accel } = machine.spec;
    try {
      say('start the machine');
      await machine.powerOn();
      return {
        samples: await measureBank(machine, options, say),
        machine: { cpus, emulated: accel === 'tcg' },
      };
    } finally {
      machine.close();
    }
  });
}

async function benchSwitches(
  state: LabState,
  options: BenchOptions,
): Promise<{ samples: SwitchSamples; machine: { cpus: number; emulated: boolean } }> {
  return await withoutLeftovers(state, async () => {
    const sized = options.compare ? SLOT_SIZES_MIB.length : 0;
    const fillers = Math.max(sized, Math.max(...options.resident) - PAIR.length);
    const machine = await assemble(benchConfig(fillers), state);
    const { cpus, accel } = machine.spec;
    try {
      say('start the machine');
      await machine.powerOn();
      const samples = await measureSwitches(machine, options, say);
      return { samples, machine: { cpus, emulated: accel === 'tcg' } };
    } finally {
      machine.close();
    }
  });
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = reportFailure(error, process.argv.includes('--json'));
}
