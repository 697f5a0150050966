import { readFileSync, writeSync } from 'node:fs';
import { EXIT_STATUS } from '../base/exit-status.ts';
import { answerAlone } from '../machine/image/alone.ts';
import { openLinuxImage } from '../sys/linux/image-sys.ts';
import { reportProgress } from './progress.ts';

/** The process that `torpor snapshot` and `torpor restore` start to hold the freeze; its task is on standard input. */
export function holdFreeze(): number {
  // What it has frozen it has to thaw, whoever wants to end it.
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
  writeSync(1, answerAlone(openLinuxImage(), readFileSync(0, 'utf8'), reportProgress(process.stderr)));
  return EXIT_STATUS.ok;
}
