import assert from 'node:assert/strict';
import test from 'node:test';
import { runProgram } from './run-program.ts';
import { problemStep, programStep, runSteps, scriptStep } from './run-steps.ts';

const node = (script: string) => [process.execPath, '-e', script];

test('shows only the output of failing steps and fails when one does', async () => {
  const lines: string[] = [];
  const steps = [
    programStep('good', node('console.log("quiet")'), { describe: (output) => `${output.length} bytes` }),
    programStep('bad', node('console.error("✔ fine\\nthe reason"); process.exit(1)'), { hide: /^✔/ }),
    problemStep('none', () => []),
    scriptStep('absent', 'scripts/no-such-file.ts'),
  ];
  assert.equal(await runSteps(steps, (line) => lines.push(line)), false);
  const text = lines.join('\n');
  assert.match(text, /✔ good .*6 bytes/);
  assert.match(text, /✔ absent .*there is no scripts\/no-such-file\.ts/);
  assert.match(text, /── bad ──\nthe reason/);
  assert.match(text, /FAILED: bad/);
  assert.doesNotMatch(text, /quiet/);
});

test('a step that throws is a failing step', async () => {
  const lines: string[] = [];
  const defect = problemStep('defect', () => {
    throw new Error('broken');
  });
  assert.equal(await runSteps([defect], (line) => lines.push(line)), false);
  assert.match(lines.join('\n'), /── defect ──\nError: broken/);
});

test('at the timeout a program ends together with what it started', async () => {
  const script = `
    const child = require('node:child_process').spawn('sleep', ['60'], { stdio: 'inherit' });
    console.log(child.pid);
    setInterval(() => {}, 1000);`;
  const result = await runProgram(node(script), { capture: true, timeoutMs: 700 });
  assert.equal(result.timedOut, true);
  assert.equal(result.ok, false);
  assert.throws(() => process.kill(Number(result.output), 0), { code: 'ESRCH' });
});

test('succeeds when every step does', async () => {
  const lines: string[] = [];
  assert.equal(await runSteps([problemStep('one', () => [])], (line) => lines.push(line)), true);
  assert.match(lines.at(-1)!, /All 1 passed/);
});
