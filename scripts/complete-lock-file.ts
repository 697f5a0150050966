/**
 * Adds to package-lock.json the optional packages of other platforms that npm has left out. npm
 * omits those that its registry cannot give it, but `npm ci` refuses a lock file without them.
 * They are never installed here, so they need no integrity. With `--check` it only looks.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { type Outcome, runStandalone } from './run-steps.ts';
import { ROOT } from './source-files.ts';

const PATH = `${ROOT}package-lock.json`;
const REMEDY = 'run scripts/with-node scripts/complete-lock-file.ts';

interface LockedPackage {
  readonly version: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface LockFile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** Compares package-lock.json with what `npm ci` wants of it. */
export function checkLockFile(): Outcome {
  const missing = Object.keys(planMissingPackages(readLockFile()));
  return {
    ok: missing.length === 0,
    output:
      missing.length === 0 ? '' : `npm ci will refuse package-lock.json: ${REMEDY}\n${missing.join('\n')}`,
  };
}

/** The entries that are missing, by their key. */
export function planMissingPackages(lock: LockFile): Record<string, LockedPackage> {
  const missing: Record<string, LockedPackage> = {};
  for (const [key, parent] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      const found = [`${key}/node_modules/${name}`, `node_modules/${name}`].some(
        (path) => path in lock.packages,
      );
      if (found) continue;
      const dev = parent.dev ? { dev: true } : {};
      missing[`node_modules/${name}`] = { version, ...parsePlatform(name), ...dev, optional: true };
    }
  }
  return missing;
}

/** `@biomejs/cli-linux-x64-musl` → its os, cpu and libc. Throws when a name does not say its platform. */
function parsePlatform(name: string): object {
  const match = /-(android|darwin|freebsd|linux|openharmony|win32)-([a-z]+[0-9]*[a-z]*)(?:-([a-z]+))?$/.exec(
    name,
  );
  if (match === null)
    throw new Error(`package-lock.json lacks ${name}, whose platform its name does not say`);
  const [, os, cpu, abi] = match;
  const libc = os === 'linux' ? { libc: [abi?.startsWith('musl') ? 'musl' : 'glibc'] } : {};
  return { cpu: [cpu], os: [os], ...libc };
}

function readLockFile(): LockFile {
  return JSON.parse(readFileSync(PATH, 'utf8')) as LockFile;
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    runStandalone(checkLockFile);
  } else {
    const lock = readLockFile();
    const entries = Object.entries({ ...lock.packages, ...planMissingPackages(lock) });
    const packages = Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
    writeFileSync(PATH, `${JSON.stringify({ ...lock, packages }, null, 2)}\n`);
  }
}
