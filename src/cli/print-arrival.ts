import type { Arrived } from '../machine/travel.ts';
import { print, printJson } from './output.ts';
import { renderSwitch } from './render-switch.ts';

/** What is said when this OS runs again: the switch, where it came from, and what hooks complain about. */
export function printArrival(arrived: Arrived, json: boolean): void {
  printWarnings(arrived);
  const { report, restored } = arrived;
  if (json) {
    printJson({ ...report, restored: restored === null ? null : originOf(restored) });
    return;
  }
  print(renderSwitch(report));
  if (restored !== null) printRestored(arrived, false);
}

/** Hooks that failed. */
export function printWarnings({ warnings }: Arrived): void {
  for (const warning of warnings) process.stderr.write(`torpor: ${warning}\n`);
}

/** This OS has come out of the bank. */
export function printRestored({ restored, awayMs }: Arrived, json: boolean): void {
  if (restored === null) return;
  if (json) {
    printJson({ restored: originOf(restored), awayMs });
    return;
  }
  const away = `${Math.round(awayMs / 1000)} s later`;
  print(
    `this OS was restored from ${restored.reference}, ${away} (restore number ${restored.generation} of it)`,
  );
}

/** Without the seed, which is a secret. */
function originOf({ reference, id, generation }: NonNullable<Arrived['restored']>): object {
  return { reference, id, generation };
}
