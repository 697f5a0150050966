import assert from 'node:assert/strict';
import test from 'node:test';
import { checkLayers } from './check-layers.ts';
import { LAYERS } from './layers.ts';

const check = (files: Record<string, string>) =>
  checkLayers(Object.entries(files).map(([path, text]) => ({ path, text })));

test('the table of layers goes one way', () => {
  const names = LAYERS.map((layer) => layer.name);
  for (const [index, layer] of LAYERS.entries()) {
    for (const imported of Object.keys(layer.mayImport)) {
      assert.ok(names.slice(0, index).includes(imported), `${layer.name} → ${imported} is no way down`);
    }
  }
});

test('imports downwards and inside a layer are allowed', () => {
  const problems = check({
    'src/memory/plan.ts': "import { hex } from '../base/units.ts';\nimport { x } from './x.ts';",
    'tests/lab/a.test.ts': "import { lab } from '../../lab/main.ts';",
  });
  assert.deepEqual(problems, []);
});

test('imports upwards are refused, type imports too', () => {
  const problems = check({ 'src/base/units.ts': "import type { Sys } from '../sys/sys.ts';" });
  assert.deepEqual(problems, ['src/base/units.ts:1 imports src/sys/sys.ts: base may not import sys']);
});

test('src may not import the lab, except the lab command, when called', () => {
  const upward = 'imports lab/main.ts: cli may not import lab';
  // In two pieces, or the check would find it in this file.
  const dynamic = `await ${'import'}('../../../lab/main.ts');`;
  const fixed = "import { lab } from '../../../lab/main.ts';";
  assert.deepEqual(check({ 'src/cli/commands/lab.ts': dynamic }), []);
  assert.deepEqual(check({ 'src/cli/commands/lab.ts': fixed }), [`src/cli/commands/lab.ts:1 ${upward}`]);
  assert.deepEqual(check({ 'src/cli/commands/os.ts': dynamic }), [`src/cli/commands/os.ts:1 ${upward}`]);
});

test('modules with owners are refused elsewhere; unit tests may use those of Node', () => {
  const text = "import koffi from 'koffi';\nimport { readFileSync } from 'node:fs';";
  assert.equal(check({ 'src/kernel/bzimage.ts': text }).length, 2);
  assert.equal(check({ 'src/kernel/bzimage.test.ts': text }).length, 1);
  assert.deepEqual(check({ 'src/sys/linux.ts': text }), []);
});

test('cycles of files and of folders are found', () => {
  const files = check({
    'lab/a.ts': "import { b } from './b.ts';",
    'lab/b.ts': "import { a } from './a.ts';",
  });
  assert.deepEqual(files, ['files import each other: lab/a.ts → lab/b.ts → lab/a.ts']);
  const folders = check({
    'lab/disk/a.ts': "import { b } from '../kernel/b.ts';",
    'lab/kernel/c.ts': "import type { D } from '../disk/d.ts';",
  });
  assert.deepEqual(folders, ['folders import each other: lab/disk → lab/kernel → lab/disk']);
});
