import assert from 'node:assert/strict';
import test from 'node:test';
import { parseImports } from './imports.ts';

const parse = (...lines: string[]) => parseImports(lines.join('\n'));

test('finds every form of import with its kind and line', () => {
  assert.deepEqual(
    parse(
      "import './side-effect.ts';",
      "import { a } from './a.ts';",
      "import type { B } from './b.ts';",
      "import { c, type D } from './c.ts';",
      'import {',
      '  e,',
      "} from './e.ts';",
      "export { f } from './f.ts';",
      "export type { G } from './g.ts';",
      "  const lazy = await import('./lazy.ts');",
    ),
    [
      { specifier: './side-effect.ts', kind: 'value', line: 1 },
      { specifier: './a.ts', kind: 'value', line: 2 },
      { specifier: './b.ts', kind: 'type', line: 3 },
      { specifier: './c.ts', kind: 'value', line: 4 },
      { specifier: './e.ts', kind: 'value', line: 5 },
      { specifier: './f.ts', kind: 'value', line: 8 },
      { specifier: './g.ts', kind: 'type', line: 9 },
      { specifier: './lazy.ts', kind: 'dynamic', line: 10 },
    ],
  );
});

test('tells a computed dynamic import', () => {
  assert.deepEqual(parse('const module = await import(path);'), [
    { specifier: null, kind: 'dynamic', line: 1 },
  ]);
});

test('takes nothing from comments, values or import.meta', () => {
  assert.deepEqual(
    parse(
      '/**',
      " * import { a } from './a.ts' or import('./b.ts')",
      ' */',
      "// import('./c.ts')",
      "export const name = 'not a file';",
      'const here = import.meta.url;',
    ),
    [],
  );
});
