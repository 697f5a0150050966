import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/** An empty directory that goes when the test file has ended. */
export function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'torpor-lab-'));
  after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
