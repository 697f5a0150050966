import { Command, InvalidArgumentError } from 'commander';
import { TorporError } from '../../base/errors.ts';
import { findResident } from '../../machine/find-slot.ts';
import { type Inspection, type InspectOptions, inspectOs, inspectSnapshot } from '../../machine/inspect.ts';
import { withBank } from '../../machine/open-bank.ts';
import { isReference } from '../../machine/reference.ts';
import { openSwitchboard } from '../../machine/this-os.ts';
import { openLinux } from '../../sys/linux.ts';
import { addBankOptions, type BankOptions, bankPlaceOf } from '../bank-options.ts';
import { printJson } from '../output.ts';
import { printInspection } from '../print-inspection.ts';

interface Options extends BankOptions {
  processes?: boolean;
  connections?: boolean;
  log?: boolean;
  lines: number;
  kernelThreads?: boolean;
  zeros?: boolean;
  json?: boolean;
}

export function inspectCommand(): Command {
  const command = new Command('torpor inspect')
    .description(
      'look into an OS that does not run, without starting it: a parked or dead one, or a snapshot',
    )
    .argument('<os>', 'a resident OS; OS@TAG or the first digits of an id for a snapshot')
    .option('--processes', 'only its processes')
    .option('--connections', 'only its TCP connections')
    .option('--log', 'only its kernel log')
    .option('--lines <n>', 'lines of the log', parseLines, 10)
    .option('--kernel-threads', 'list these too')
    .option('--zeros', 'count the pages of zeros of a resident OS: reads all its memory');
  return addBankOptions(command)
    .option('--json', 'print JSON')
    .action(async (name: string, options: Options) => {
      const inspection = await inspect(name, options);
      if (options.json === true) printJson(inspection);
      else printInspection(inspection, { kernelThreads: options.kernelThreads === true });
    });
}

async function inspect(name: string, options: Options): Promise<Inspection> {
  const all = options.processes !== true && options.connections !== true && options.log !== true;
  const sections: InspectOptions = {
    processes: all || options.processes === true,
    connections: all || options.connections === true,
    logLines: all || options.log === true ? options.lines : 0,
    zeros: options.zeros === true,
  };
  const snapshot = (): Promise<Inspection> =>
    withBank(bankPlaceOf(options), (bank) => inspectSnapshot(bank, bank.find(name), sections));
  // A bank can be looked into on a machine without Torpor, too.
  if (isReference(name)) return await snapshot();
  try {
    const sys = openLinux();
    return inspectOs(sys, findResident(openSwitchboard(sys).records(), name), sections);
  } catch (error) {
    const isElsewhere = error instanceof TorporError && NOT_RESIDENT.has(error.code);
    if (!isElsewhere) throw error;
    // Neither resident nor in the bank: that it is not resident says more.
    return await snapshot().catch((cause) => {
      throw cause instanceof TorporError && NOT_IN_BANK.has(cause.code) ? error : cause;
    });
  }
}

const NOT_RESIDENT: ReadonlySet<string> = new Set(['E_OS_UNKNOWN', 'E_OS_EMPTY', 'E_NO_PLAN']);
const NOT_IN_BANK: ReadonlySet<string> = new Set(['E_NO_BANK', 'E_NO_SNAPSHOT']);

function parseLines(text: string): number {
  const lines = Number(text);
  if (Number.isInteger(lines) && lines >= 1) return lines;
  throw new InvalidArgumentError('give a number of lines');
}
