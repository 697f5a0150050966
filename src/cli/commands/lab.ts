import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The lab is part of a checkout, not of an installed target system: it is only loaded when it is there. */
export function isLabHere(): boolean {
  return existsSync(join(import.meta.dirname, '../../../lab/main.ts'));
}

/** Runs `torpor lab …` and returns its exit status. */
export async function runLabCommand(argv: readonly string[]): Promise<number> {
  const { runLab } = await import('../../../lab/main.ts');
  return await runLab(argv);
}
