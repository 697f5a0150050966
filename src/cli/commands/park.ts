import { Command } from 'commander';
import { parkThisOs } from '../parking-commands.ts';

export function parkCommand(): Command {
  return new Command('torpor park')
    .description('store this OS in the parking area and turn the machine off; its next start goes on here')
    .option('--restart', 'start the machine anew instead: another OS can be chosen then')
    .option('--dry-run', 'check everything, print the plan, change nothing')
    .option('--json', 'print JSON')
    .action((options: { restart?: boolean; dryRun?: boolean; json?: boolean }) =>
      parkThisOs({ kind: options.restart === true ? 'restart' : 'off' }, options),
    );
}
