import { Command } from 'commander';
import { cacheCommand } from './cache.ts';
import { consoleCommand } from './console.ts';
import { downCommand } from './down.ts';
import { execCommand } from './exec.ts';
import { powerCutCommand, powerOnCommand } from './power.ts';
import { screenshotCommand } from './screenshot.ts';
import { statusCommand } from './status.ts';
import { switchCommand } from './switch.ts';
import { upCommand } from './up.ts';

/** `torpor lab`: the commands of the lab machine. */
export function labCommand(): Command {
  return new Command('lab')
    .description('a virtual machine on which all of this runs, to try it without a spare computer')
    .enablePositionalOptions()
    .addCommand(statusCommand(), { isDefault: true })
    .addCommand(upCommand())
    .addCommand(switchCommand())
    .addCommand(execCommand())
    .addCommand(consoleCommand())
    .addCommand(screenshotCommand())
    .addCommand(powerCutCommand())
    .addCommand(powerOnCommand())
    .addCommand(downCommand())
    .addCommand(cacheCommand())
    .addHelpText('after', '\nTORPOR_LAB_DIR keeps several labs apart; TORPOR_LAB_ACCEL is auto, kvm or tcg.');
}
