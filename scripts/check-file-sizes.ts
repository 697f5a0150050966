/** Checks the length of hand-written files. */
import { type Outcome, runStandalone } from './run-steps.ts';
import { readSourceFiles, type SourceFile } from './source-files.ts';

/** CONTRIBUTING.md: 60–150 lines is usual, 500 is a hard stop. */
const USUAL_LINES = 150;
const MOST_LINES = 500;

/** Fails on files above the hard stop; says how many are longer than usual. */
export function checkFileSizes(files: readonly SourceFile[]): Outcome {
  const sizes = files
    .map((file) => ({ path: file.path, lines: file.text.split('\n').length - 1 }))
    .filter((file) => file.lines > USUAL_LINES)
    .toSorted((a, b) => b.lines - a.lines);
  const tooLong = sizes.filter((file) => file.lines > MOST_LINES);
  const longest = sizes[0];
  return {
    ok: tooLong.length === 0,
    output: tooLong
      .map((file) => `${file.path} has ${file.lines} lines; ${MOST_LINES} is the most`)
      .join('\n'),
    note: longest
      ? `${sizes.length} above ${USUAL_LINES} lines, longest ${longest.path} ${longest.lines}`
      : `none above ${USUAL_LINES} lines`,
  };
}

/** Checks the repository. */
export function checkRepositoryFileSizes(): Outcome {
  return checkFileSizes(readSourceFiles(['asm', 'bin', 'src', 'lab', 'scripts', 'tests']));
}

if (import.meta.main) runStandalone(checkRepositoryFileSizes);
