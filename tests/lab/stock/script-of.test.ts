import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { scriptsOf } from './script-of.ts';

/** What a serial port's systems do with them, in a directory of its own. */
function run(argv: readonly string[], stdin: string): { status: number | null; output: string } {
  const directory = mkdtempSync(join(tmpdir(), 'torpor-scripts-'));
  try {
    const results = scriptsOf(argv, Buffer.from(stdin)).map((script) =>
      spawnSync('sh', ['-c', script.replaceAll('/run/stock', directory)], { encoding: 'utf8' }),
    );
    for (const { status } of results.slice(0, -1)) assert.equal(status, 0);
    return { status: results.at(-1)!.status, output: results.map(({ stdout }) => stdout).join('') };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('words keep their quotes, and the status is that of the program', () => {
  assert.deepEqual(run(['printf', '%s|', "it's", '$HOME', ''], ''), { status: 0, output: "it's|$HOME||" });
  assert.equal(run(['sh', '-c', 'exit 7'], '').status, 7);
});

test('input of any length comes in pieces', () => {
  const text = 'x1234567'.repeat(5000);
  assert.ok(scriptsOf(['cat'], Buffer.from(text)).length > 2);
  assert.deepEqual(run(['cat'], text), { status: 0, output: text });
  assert.equal(run(['sh', '-c', 'cat >/dev/null; exit 3'], text).status, 3);
});

test('complaints are told when a program fails, and not otherwise', () => {
  const script = 'echo out; echo err >&2; exit';
  assert.deepEqual(run(['sh', '-c', `${script} 0`], ''), { status: 0, output: 'out\n' });
  assert.deepEqual(run(['sh', '-c', `${script} 1`], ''), { status: 1, output: 'out\nerr\n' });
});
