import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type BuildFailure, type BuildOptions, build } from 'esbuild';
import { TorporError } from '../../src/base/errors.ts';

export const REPOSITORY = join(import.meta.dirname, '../..');
export const ENTRY = join(REPOSITORY, 'src/cli/main.ts');

/** CommonJS packages call require() for Node's own modules. */
const REQUIRE =
  "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);";

/** A file of a bundle. */
export interface BundleFile {
  readonly name: string;
  readonly text: string;
}

/**
 * A program with all that it imports as ES modules, to start fast from a slow disk. The first one,
 * `NAME.mjs`, has all that is needed to start; what is imported when it is called for stands in modules
 * beside it. Without a name all of it is one module. koffi's native addon stays outside: it is looked for
 * in node_modules beside the bundle.
 */
export async function bundleProgram(entry: string, name: string | null): Promise<readonly BundleFile[]> {
  const parts: BuildOptions =
    name === null
      ? {}
      : {
          splitting: true,
          outdir: '/',
          entryNames: name,
          chunkNames: `${name}-[name]-[hash]`,
          outExtension: { '.js': '.mjs' },
        };
  const result = await build({
    ...parts,
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node26',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'silent',
    banner: { js: REQUIRE },
    // `torpor lab` is a checkout's, not a target system's.
    external: ['*/lab/main.ts'],
  }).catch((cause: BuildFailure) => {
    throw new TorporError('E_LAB_BUILD', `${entry} could not be bundled`, {
      facts: {
        entry,
        lastLines: cause.errors.map(({ text, location: at }) => `${at?.file}:${at?.line}: ${text}`),
      },
      hint: 'run `npm ci --ignore-scripts`, then `npm run check`',
      cause,
    });
  });
  const files = result.outputFiles!.map(({ path, text }) => ({ name: basename(path), text }));
  return files.toSorted((a, b) => a.name.length - b.name.length || (a.name < b.name ? -1 : 1));
}

/** The installed version of an npm package. */
export async function packageVersion(name: string): Promise<string> {
  const path = join(REPOSITORY, 'node_modules', name, 'package.json');
  return (JSON.parse(await readFile(path, 'utf8')) as { version: string }).version;
}
