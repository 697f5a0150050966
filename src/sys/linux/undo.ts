import { renameSync, writeFileSync } from 'node:fs';
import type { UndoStep } from '../image-sys.ts';

/** Set by bin/guard, which reads the file when this process was ended by a signal. */
const FILE = process.env.TORPOR_UNDO;
const steps: UndoStep[] = [];

/** See ImageSys.undoLater. Without a guard nobody undoes anything. */
export function undoLater(...added: readonly UndoStep[]): () => void {
  steps.unshift(...added.toReversed());
  writeSteps();
  return () => {
    for (const step of added) steps.splice(steps.indexOf(step), 1);
    writeSteps();
  };
}

/** A step a line, its fields apart by tabs: `thaw PLACE`, `write PATH VALUE`, `mount PLACE SOURCE TYPE OPTIONS`, `remove PATH`. */
function writeSteps(): void {
  if (FILE === undefined) return;
  // All of them or those of before, whenever this process is ended.
  writeFileSync(`${FILE}.new`, steps.map((step) => `${fieldsOf(step).join('\t')}\n`).join(''));
  renameSync(`${FILE}.new`, FILE);
}

function fieldsOf(step: UndoStep): string[] {
  switch (step.kind) {
    case 'thaw':
      return [step.kind, step.place];
    case 'write':
      return [step.kind, step.path, step.value];
    case 'mount':
      return [step.kind, step.place, step.source, step.type, step.options];
    case 'remove':
      return [step.kind, step.path];
  }
}

/** See ImageSys.guard. */
export function guard(): readonly number[] {
  return FILE === undefined ? [] : [process.ppid];
}
