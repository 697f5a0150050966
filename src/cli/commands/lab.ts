import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The lab is part of a checkout, not of an installed target system: it is only loaded when it is there. */
const LAB_MAIN = join(import.meta.dirname, '../../../lab/main.ts');

interface LabModule {
  runLab(argv: readonly string[]): Promise<number>;
}

export function isLabHere(): boolean {
  return existsSync(LAB_MAIN);
}

/** Runs `torpor lab …` and returns its exit status. */
export async function runLabCommand(argv: readonly string[]): Promise<number> {
  const lab = (await import(pathToFileURL(LAB_MAIN).href)) as LabModule;
  return await lab.runLab(argv);
}
