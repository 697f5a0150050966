import { Command, InvalidArgumentError, Option } from 'commander';
import { TorporError } from '../../src/base/errors.ts';
import { MIB, parseSize } from '../../src/base/units.ts';
import { withLock } from '../build/lock.ts';
import { DEFAULT_CONFIG } from '../config/default-config.ts';
import { type Firmware, type LabConfig, parseLabConfig, readLabConfig } from '../config/lab-config.ts';
import { labBuilder } from '../machine/lab-builder.ts';
import { locateLab } from '../machine/state.ts';
import { planUp, requireOff } from '../machine/up.ts';
import { runStages } from './run-stages.ts';
import { showStatus } from './status.ts';

interface Options {
  cpus?: number;
  memory?: number;
  firmware?: Firmware;
  config?: string;
  json?: boolean;
}

export function upCommand(): Command {
  return new Command('up')
    .description('build and start a new lab machine with its OSes; replaces one that is off, disks and all')
    .option('--cpus <n>', 'processors of the machine', parseCpus)
    .option('--memory <size>', 'all memory of the machine (default: what its OSes need)', parseMemory)
    .addOption(
      new Option('--firmware <kind>', 'bios (virtio devices) or uefi (NVMe, AHCI, e1000e)').choices([
        'bios',
        'uefi',
      ]),
    )
    .option('--config <file>', 'a TOML file that names the OSes')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const config = applyOptions(
        options.config === undefined ? parseLabConfig(DEFAULT_CONFIG) : readLabConfig(options.config),
        options,
      );
      const state = locateLab();
      await withLock(`${state.directory}/up.lock`, async () => {
        requireOff(state);
        await runStages(planUp(config, state, labBuilder));
      });
      await showStatus(state, options.json === true);
    });
}

/** The command line goes before the file. */
function applyOptions(config: LabConfig, options: Options): LabConfig {
  return {
    ...config,
    cpus: options.cpus ?? config.cpus,
    memoryBytes: options.memory ?? config.memoryBytes,
    firmware: options.firmware ?? config.firmware,
  };
}

function parseCpus(text: string): number {
  const cpus = Number(text);
  if (Number.isInteger(cpus) && cpus >= 1 && cpus <= 16) return cpus;
  throw new InvalidArgumentError('give a number from 1 to 16');
}

function parseMemory(text: string): number {
  try {
    const bytes = parseSize(text);
    if (bytes > 0 && bytes % MIB === 0) return bytes;
  } catch (error) {
    if (!(error instanceof TorporError)) throw error;
  }
  throw new InvalidArgumentError('give a whole number of MiB, such as 512M or 4G');
}
