import { Command } from 'commander';
import { renderReport } from '../../doctor/report-text.ts';
import { examineMachine } from '../../doctor/run.ts';
import { openLinux } from '../../sys/linux.ts';
import { print, printJson } from '../output.ts';

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('what stands between this machine and Torpor, and how to remove it; changes nothing')
    .option('--json', 'print JSON')
    .action((options: { json?: boolean }) => {
      const report = examineMachine(openLinux());
      if (options.json === true) printJson(report);
      else print(renderReport(report));
      process.exitCode = report.verdict.exitStatus;
    });
}
