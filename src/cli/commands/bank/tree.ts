import { Command } from 'commander';
import { planTree, type TreeNode } from '../../../bank/tree.ts';
import { withBank } from '../../../machine/open-bank.ts';
import { addBankOptions, type BankOptions, bankPlaceOf } from '../../bank-options.ts';
import { print, printJson } from '../../output.ts';
import { formatTime } from './format.ts';

interface Options extends BankOptions {
  json?: boolean;
}

export function treeCommand(): Command {
  return addBankOptions(new Command('tree').description('what came from what'))
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const nodes = await withBank(bankPlaceOf(options), (bank) => planTree(bank.snapshots()));
      if (options.json === true) printJson(nodes);
      else if (nodes.length === 0) print('the bank holds no snapshot; save an OS with `torpor snapshot`');
      else for (const node of nodes) for (const line of renderNode(node)) print(line);
    });
}

/** A line for each snapshot, the children below their parent. */
export function renderNode({ snapshot, orphaned, children }: TreeNode, indent = ''): string[] {
  const note = snapshot.note === '' ? '' : `  ${snapshot.note.split('\n')[0]}`;
  const parent = orphaned ? '  (its parent was removed)' : '';
  const own = `${indent}${snapshot.reference}  ${formatTime(snapshot.createdMs)}${parent}${note}`;
  const guide = indent.replace('├─ ', '│  ').replace('└─ ', '   ');
  const below = children.flatMap((child, at) => {
    return renderNode(child, `${guide}${at === children.length - 1 ? '└─ ' : '├─ '}`);
  });
  return [own, ...below];
}
