import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TorporError } from '../base/errors.ts';
import { FakeSys } from '../sys/fake.ts';
import { type Check, type Finding, obstacle, ok, unknown, warning } from './check.ts';
import { CHECKS } from './registry.ts';
import { renderReport } from './report-text.ts';
import { examineMachine } from './run.ts';

const check = (id: string, probe: () => Finding, essential = false): Check => ({
  id,
  title: id,
  group: 'kernel',
  ...(essential ? { essential: true as const } : {}),
  probe,
});
const examine = (checks: Check[], uid = 0) => examineMachine(new FakeSys({ uid }), checks);

test('a check that throws is unknown, with the reason', () => {
  const { checks } = examine([
    check('bug', () => {
      throw new Error('boom');
    }),
  ]);
  assert.equal(checks[0]!.status, 'unknown');
  assert.match(checks[0]!.detail, /boom/);
});

test('what is refused to a user asks for root', () => {
  const denied = check('a', () => {
    throw new TorporError('E_SYSCALL', 'cannot read x: EACCES', { facts: { errno: 'EACCES' } });
  });
  assert.equal(examine([denied], 1000).checks[0]!.remedy, 'sudo torpor doctor');
  assert.equal(examine([denied]).checks[0]!.remedy, undefined);
});

test('the first obstacle is the next step', () => {
  const { verdict } = examine([
    check('w', () => warning('w', 'do w')),
    check('a', () => obstacle('a', 'do a')),
    check('b', () => obstacle('b', 'do b')),
    check('snapshot-device', () => ok('there', { usable: false })),
  ]);
  assert.equal(verdict.engine, 'none');
  assert.deepEqual(verdict.obstacles, ['a', 'b']);
  assert.equal(verdict.next, 'do a');
  assert.equal(verdict.exitStatus, 3);
});

test('a stock kernel without KEXEC_JUMP is led to the image engine and told what it lacks for the other', () => {
  const images = check('snapshot-device', () => ok('there', { usable: true }));
  const { verdict } = examine([check('kexec-jump', () => obstacle('off', 'boot another kernel')), images]);
  assert.equal(verdict.engine, 'image');
  assert.equal(verdict.exitStatus, 0);
  assert.equal(verdict.next, 'torpor bank init');
  const bank = check('bank', () => ok('there', { next: 'torpor snapshot' }));
  assert.equal(
    examine([check('kexec-jump', () => obstacle('off', 'x')), images, bank]).verdict.next,
    'torpor snapshot',
  );
  assert.match(verdict.summary, /KEXEC_JUMP would add several systems .* For that: boot another kernel/);
  const inside = check('container', () => obstacle('yes', 'use the host'));
  assert.equal(examine([inside, images]).verdict.engine, 'none');
});

test('only essential unknowns leave the verdict open', () => {
  const unseen = () => unknown('?', 'sudo torpor doctor');
  assert.equal(examine([check('a', unseen)]).verdict.engine, 'resident');
  const open = examine([check('a', unseen, true)]).verdict;
  assert.equal(open.engine, 'undecided');
  assert.equal(open.next, 'sudo torpor doctor');
  assert.equal(open.exitStatus, 3);
});

test('a usable machine is led from the plan to the join to its OSes', () => {
  const plan = check('plan', () => warning('none', 'torpor plan --slots 1x1G'));
  const planned = check('plan', () => ok('in force'));
  const unjoined = check('switchboard', () => warning('not joined', 'torpor join'));
  const joined = check('switchboard', () => ok('valid', { next: 'torpor boot work' }));
  assert.equal(examine([plan, unjoined]).verdict.next, 'torpor plan --slots 1x1G');
  assert.equal(examine([planned, unjoined]).verdict.next, 'torpor join');
  const { verdict } = examine([planned, joined]);
  assert.equal(verdict.next, 'torpor boot work');
  assert.equal(verdict.exitStatus, 0);
});

test('the text has each check, its remedy and the verdict', () => {
  const text = renderReport(
    examine([check('a', () => obstacle('bad', 'do a')), check('b', () => ok('good'))]),
  );
  assert.match(text, /^kernel\n {2}✗ a: bad\n {6}→ do a\n {2}✓ b: good$/m);
  assert.ok(text.endsWith('→ do a'));
});

test('all checks have names of their own and survive an empty machine', () => {
  assert.equal(new Set(CHECKS.map(({ id }) => id)).size, CHECKS.length);
  for (const uid of [0, 1000]) {
    const { verdict } = examineMachine(new FakeSys({ uid }));
    assert.equal(verdict.engine, 'none');
  }
});
