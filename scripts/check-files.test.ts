import assert from 'node:assert/strict';
import test from 'node:test';
import { checkFileSizes } from './check-file-sizes.ts';
import { checkWords } from './check-words.ts';
import { readSourceFiles } from './source-files.ts';

const fileOf = (path: string, lines: number) => ({ path, text: 'x\n'.repeat(lines) });

test('500 lines are the most', () => {
  assert.equal(checkFileSizes([fileOf('src/a.ts', 500)]).ok, true);
  const outcome = checkFileSizes([fileOf('src/a.ts', 501), fileOf('src/b.ts', 150)]);
  assert.equal(outcome.ok, false);
  assert.equal(outcome.output, 'src/a.ts has 501 lines; 500 is the most');
  assert.equal(outcome.note, '1 above 150 lines, longest src/a.ts 501');
});

test('forbidden words are found with their line, as whole words', () => {
  const text = ['ok', `// ${'TO'}${'DO'}: later`, 'mktemp -d /tmp/x.XXXXXX'].join('\n');
  assert.deepEqual(checkWords([{ path: 'src/a.ts', text }]), [
    `src/a.ts:2 “${'TO'}${'DO'}”: finish it or open an issue`,
  ]);
  assert.deepEqual(checkWords([{ path: 'docs/a.md', text }]), []);
});

test('the home of root is a path of the OSes in the lab, but not in src', () => {
  const text = "writeFile('/root/.ssh/authorized_keys')";
  assert.deepEqual(checkWords([{ path: 'lab/a.ts', text }]), []);
  assert.equal(checkWords([{ path: 'src/a.ts', text }]).length, 1);
});

test('reads this repository without generated files; a missing folder is empty', () => {
  const paths = readSourceFiles(['bin', 'src', 'no-such-folder']).map((file) => file.path);
  assert.ok(paths.includes('bin/torpor'));
  assert.ok(paths.includes('src/base/units.ts'));
  assert.ok(!paths.some((path) => path.endsWith('.gen.ts')));
});
