import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The root of the repository, with a slash at its end. */
export const ROOT = new URL('..', import.meta.url).pathname;

export interface SourceFile {
  /** Relative to the root: `src/base/units.ts`. */
  readonly path: string;
  readonly text: string;
}

const NOT_HAND_WRITTEN = /(^|\/)node_modules\/|\.gen\.ts$|\.lst$/;

/** Reads all hand-written text files below the folders, sorted by path; a missing folder is empty. */
export function readSourceFiles(folders: readonly string[], root = ROOT): SourceFile[] {
  return folders
    .flatMap((folder) => listFiles(root, folder))
    .filter((path) => !NOT_HAND_WRITTEN.test(path))
    .toSorted()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
    .filter((file) => !file.text.includes('\0'));
}

function listFiles(root: string, folder: string): string[] {
  try {
    return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
