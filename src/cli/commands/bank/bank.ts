import { Command } from 'commander';
import { diffCommand } from './diff.ts';
import { exportCommand } from './export.ts';
import { importCommand } from './import.ts';
import { initCommand } from './init.ts';
import { lsCommand } from './ls.ts';
import { pruneCommand } from './prune.ts';
import { rmCommand } from './rm.ts';
import { showCommand } from './show.ts';
import { statsCommand } from './stats.ts';
import { treeCommand } from './tree.ts';
import { verifyCommand } from './verify.ts';

/** `torpor bank`: what users do with snapshots besides saving and restoring them. */
export function bankCommand(): Command {
  return new Command('torpor bank')
    .description('the bank: snapshots of whole OSes')
    .addCommand(initCommand())
    .addCommand(lsCommand())
    .addCommand(treeCommand())
    .addCommand(showCommand())
    .addCommand(diffCommand())
    .addCommand(verifyCommand())
    .addCommand(pruneCommand())
    .addCommand(rmCommand())
    .addCommand(exportCommand())
    .addCommand(importCommand())
    .addCommand(statsCommand());
}
