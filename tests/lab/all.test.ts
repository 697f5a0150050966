/**
 * The tests on real kernels: one lab machine, which all suites share, because to bring it up takes
 * minutes. `TORPOR_LAB_KEEP=1 TORPOR_LAB_DIR=DIR` leaves it running and uses it again.
 */
import { after, before, describe } from 'node:test';
import { Lab } from './fixture.ts';
import { badInput } from './suites/bad-input.ts';
import { bank } from './suites/bank.ts';
import { bankDamage } from './suites/bank-damage.ts';
import { bankFences } from './suites/bank-fences.ts';
import { bankSealed } from './suites/bank-sealed.ts';
import { bankSurvival } from './suites/bank-survival.ts';
import { crash } from './suites/crash.ts';
import { damage } from './suites/damage.ts';
import { labCommands } from './suites/lab-commands.ts';
import { osManagement } from './suites/os-management.ts';
import { refusedFreeze } from './suites/refused-freeze.ts';
import { stop } from './suites/stop.ts';
import { survival } from './suites/survival.ts';
import { switching } from './suites/switching.ts';

const lab = new Lab();
before(() => lab.open(), { timeout: 45 * 60_000 });
after(() => lab.close());

/** Many minutes of starts, crashes and rounds: `TORPOR_LAB_ALL=1` runs these too. */
const long = [
  badInput,
  damage,
  refusedFreeze,
  stop,
  crash,
  survival,
  bankSurvival,
  bankDamage,
  bankFences,
  bankSealed,
];
const all = process.env.TORPOR_LAB_ALL === '1';
// The bank comes last: it ends with a machine on which few OSes are resident.
const suites = [switching, labCommands, osManagement, ...(all ? long : []), bank];
for (const suite of suites) describe(suite.name, () => suite.define(lab));
