import { Command } from 'commander';

/** `torpor bank`: what users do with snapshots besides saving and restoring. */
export function bankCommand(): Command {
  return new Command('torpor bank').description('the bank: snapshots of whole OSes');
}
