/** Checks all imports against scripts/layers.ts and finds cycles of files and of folders. */
import { posix } from 'node:path';
import { addEdge, findCycles } from './cycles.ts';
import { type Import, parseImports } from './imports.ts';
import { EXCEPTIONS, LAYERS, MODULE_OWNERS } from './layers.ts';
import { runStandalone } from './run-steps.ts';
import { readSourceFiles, type SourceFile } from './source-files.ts';

/** What unit tests may import in every layer. */
const TEST_MODULES = /^node:|^fast-check$/;

/** One problem a line, as `path:line message`. */
export function checkLayers(files: readonly SourceFile[]): string[] {
  const problems: string[] = [];
  const fileGraph = new Map<string, Set<string>>();
  const folderGraph = new Map<string, Set<string>>();
  for (const file of files.filter((f) => f.path.endsWith('.ts'))) {
    for (const found of parseImports(file.text)) {
      const problem = checkImport(file.path, found);
      if (problem !== null) problems.push(`${file.path}:${found.line} ${problem}`);
      const target = resolveImport(file.path, found);
      if (target === null || isTest(file.path) || isException(file.path, target, found)) continue;
      if (found.kind === 'value') addEdge(fileGraph, file.path, target);
      const [from, to] = [posix.dirname(file.path), posix.dirname(target)];
      // A folder and a folder inside it may know each other: together they are one part.
      if (!`${from}/`.startsWith(`${to}/`) && !`${to}/`.startsWith(`${from}/`))
        addEdge(folderGraph, from, to);
    }
  }
  const render = (what: string) => (cycle: string[]) => `${what} import each other: ${cycle.join(' → ')}`;
  return [
    ...problems,
    ...findCycles(fileGraph).map(render('files')),
    ...findCycles(folderGraph).map(render('folders')),
  ];
}

function checkImport(path: string, found: Import): string | null {
  const from = layerOf(path);
  if (from === undefined) return 'is in no layer of scripts/layers.ts';
  if (found.specifier === null) {
    return path.startsWith('src/')
      ? 'imports a computed path; write it out so that its layer can be checked'
      : null;
  }
  const target = resolveImport(path, found);
  if (target === null) return checkModule(path, from.name, found.specifier);
  const to = layerOf(target);
  if (to?.name === from.name || isException(path, target, found)) return null;
  if (to === undefined) return `imports ${target}, which is in no layer of scripts/layers.ts`;
  return to.name in from.mayImport ? null : `imports ${target}: ${from.name} may not import ${to.name}`;
}

function checkModule(path: string, layer: string, module: string): string | null {
  const owner = MODULE_OWNERS[module];
  const allowed =
    owner === undefined || owner.layers.includes(layer) || (isTest(path) && TEST_MODULES.test(module));
  return allowed ? null : `imports ${module}: only ${owner.layers.join(', ')} may (${owner.why})`;
}

function layerOf(path: string): (typeof LAYERS)[number] | undefined {
  return LAYERS.find((layer) => path.startsWith(`${layer.folder}/`));
}

/** The imported file's path from the root; null for a package or a module of Node. */
function resolveImport(path: string, found: Import): string | null {
  if (!found.specifier?.startsWith('.')) return null;
  return posix.join(posix.dirname(path), found.specifier);
}

function isException(path: string, target: string, found: Import): boolean {
  return EXCEPTIONS.some((e) => e.from === path && e.to === target && e.kind === found.kind);
}

function isTest(path: string): boolean {
  return /\.(test|contract|fixture)\.ts$/.test(path);
}

/** Checks the repository. */
export function checkRepositoryLayers(): string[] {
  return checkLayers(readSourceFiles(['src', 'lab', 'scripts', 'tests']));
}

if (import.meta.main) runStandalone(checkRepositoryLayers);
