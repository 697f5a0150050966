import { Command } from 'commander';
import { formatRange } from '../../base/ranges.ts';
import { findResident } from '../../machine/find-slot.ts';
import { lastWords } from '../../machine/last-words.ts';
import { openSwitchboard } from '../../machine/this-os.ts';
import { openLinux } from '../../sys/linux.ts';
import { print, printJson } from '../output.ts';

export function showCommand(): Command {
  return new Command('show')
    .description('a resident OS: its state and the last lines of its kernel log, also when it is dead')
    .argument('<os>', 'a resident OS')
    .option('--lines <n>', 'lines of the log', '40')
    .option('--json', 'print JSON')
    .action((name: string, options: { lines: string; json?: boolean }) => {
      const sys = openLinux();
      const record = findResident(openSwitchboard(sys).records(), name);
      const log = lastWords(sys, record, Number(options.lines));
      if (options.json === true) return printJson({ ...record, log });
      print(`“${record.name}” in slot ${record.index}: ${record.state}, Linux ${record.kernelRelease}`);
      if (record.index !== 0) print(`memory ${formatRange(record.memory)}`);
      print();
      for (const line of log) print(line);
    });
}
