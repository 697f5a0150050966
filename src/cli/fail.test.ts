import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { ERROR_CODES } from '../base/error-codes.ts';
import { TorporError } from '../base/errors.ts';
import { EXIT_STATUS } from '../base/exit-status.ts';
import { reportFailure } from './fail.ts';

/** What reportFailure() prints, and the exit status. */
function report(context: { mock: typeof import('node:test').mock }, error: unknown, json = false) {
  let text = '';
  const write = context.mock.method(process.stderr, 'write', (chunk: string) => {
    text += chunk;
    return true;
  });
  try {
    return { status: reportFailure(error, json), text };
  } finally {
    write.mock.restore();
  }
}

const ERROR = new TorporError('E_FREEZE_REFUSED', 'the kernel could not park this OS: EBUSY', {
  facts: { errno: 'EBUSY', tasks: ['dd', 'tmux: server'], log: [] },
  hint: 'end dd',
});

test('an error is printed as a sentence, its lists and its hint', (context) => {
  const { status, text } = report(context, ERROR);
  assert.equal(status, EXIT_STATUS.refused);
  assert.equal(
    text,
    'torpor: the kernel could not park this OS: EBUSY [E_FREEZE_REFUSED]\n  tasks:\n    dd\n    tmux: server\n  → end dd\n',
  );
});

test('an error without hint and lists is one line', (context) => {
  const { text } = report(context, new TorporError('E_BUSY', 'busy', { facts: { pid: 7 } }));
  assert.equal(text, 'torpor: busy [E_BUSY]\n');
});

test('with --json the same facts are one object on one line', (context) => {
  const { status, text } = report(context, ERROR, true);
  assert.equal(status, EXIT_STATUS.refused);
  assert.equal(text.split('\n').length, 2);
  const { code, message, facts, hint } = ERROR;
  assert.deepEqual(JSON.parse(text), { error: { code, message, facts, hint } });
});

test('a defect is status 1 with its stack, or as JSON without a code', (context) => {
  const defect = new RangeError('a defect');
  const plain = report(context, defect);
  assert.equal(plain.status, EXIT_STATUS.internal);
  assert.match(plain.text, /^torpor: RangeError: a defect\n {4}at /);
  const { error } = JSON.parse(report(context, defect, true).text) as {
    error: { code: null; message: string };
  };
  assert.equal(error.code, null);
  assert.match(error.message, /a defect/);
  assert.equal(report(context, 'text').text, 'torpor: text\n');
});

test('every code has the exit status of its class, and none is that of a defect', (context) => {
  for (const code of Object.keys(ERROR_CODES) as (keyof typeof ERROR_CODES)[]) {
    const { status } = report(context, new TorporError(code, 'x'));
    assert.equal(status, EXIT_STATUS[ERROR_CODES[code].exit]);
    assert.ok(status > 1, code);
  }
});

function torpor(...args: string[]) {
  const main = new URL('main.ts', import.meta.url).pathname;
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('the program ends with the statuses of the table', () => {
  assert.equal(torpor('--help').status, EXIT_STATUS.ok);
  const unknown = torpor('dance');
  assert.equal(unknown.status, EXIT_STATUS.usage);
  assert.match(unknown.stderr, /“dance” is no command \[E_USAGE\]/);
  // A machine whose kernel was not started with a plan.
  const status = torpor('status', '--json');
  assert.equal(status.status, EXIT_STATUS.machine);
  assert.equal((JSON.parse(status.stderr) as { error: { code: string } }).error.code, 'E_NO_PLAN');
  assert.equal(status.stdout, '');
});
