import assert from 'node:assert/strict';
import { TORPOR } from '../../../lab/machine/shut-down.ts';
import { BANK } from '../bank/bank-files.ts';
import { leaveMoment, type PastMoment, rememberMoment, requireMoment } from '../bank/moment.ts';
import type { Lab } from '../fixture.ts';
import { labTest, type Suite } from '../lab-test.ts';
import { watchOs } from '../witnesses.ts';

/** On the bank's disk, beside the bank that everybody can read. */
const SEALED = `${BANK}/sealed`;
/** What home opens its bank with when another OS asks. */
const PASSPHRASE = '/etc/torpor/bank.passphrase';
const TAG = 'sealed';
/** The kernel's command line is part of every snapshot. */
const READABLE = 'torpor.ip=';

export const bankSealed: Suite = {
  name: 'an encrypted bank',
  define(lab) {
    const moments = new Map<string, PastMoment>();
    labTest(lab, 'an OS saves itself through home, which has the passphrase', () => save(lab, moments), 15);
    labTest(lab, 'without the passphrase nothing is read, and nothing restored', () => wrongKey(lab), 10);
    labTest(lab, 'after a power cut the passphrase brings it back', () => comeBack(lab, moments), 15);
  },
};

async function save(lab: Lab, moments: Map<string, PastMoment>): Promise<void> {
  const os = lab.guests[0]!;
  await lab.sh(
    `rm -rf ${SEALED}; mkdir -p /etc/torpor; (umask 077; echo 'a horse, a staple' >${PASSPHRASE})`,
  );
  const made = await lab.torpor(['bank', 'init', '--bank', SEALED, '--passphrase-file', PASSPHRASE]);
  assert.equal(made.exit, 0, made.stderr);
  await lab.torpor(['bank', 'rm', `${os}@${TAG}`]);
  const open = await lab.machine.snapshot(os, { tag: TAG });
  assert.equal(open.reference, `${os}@${TAG}`);
  // In the place of home's own bank, which requests of other OSes are for.
  await lab.sh(`mount --bind ${SEALED} ${BANK}`);
  try {
    const moment = await rememberMoment(lab, await watchOs(lab, os));
    const saved = await lab.machine.snapshot(null, { tag: TAG });
    assert.equal(saved.reference, `${os}@${TAG}`);
    moments.set(os, await leaveMoment(lab, moment));
    await lab.go(lab.home);
  } finally {
    await lab.go(lab.home);
    await lab.sh(`umount ${BANK}`);
  }
}

async function wrongKey(lab: Lab): Promise<void> {
  const os = lab.guests[0]!;
  await lab.go(lab.home);
  const readable = (directories: string): Promise<string> =>
    lab.sh(`grep -rlaF '${READABLE}' ${directories} || true`, { timeoutMs: 600_000 });
  assert.notEqual(await readable(`${BANK}/blobs`), '', 'an open bank can be read');
  assert.equal(await readable(SEALED), '');
  await lab.sh(`echo wrong >${PASSPHRASE}`);
  for (const command of [
    ['bank', 'ls'],
    ['bank', 'verify'],
    ['restore', `${os}@${TAG}`],
    ['snapshot', os],
  ]) {
    await lab.refusal([...command, '--bank', SEALED], 'E_BANK_KEY');
  }
  await lab.sh(`rm ${PASSPHRASE}`);
  await lab.refusal(['restore', `${os}@${TAG}`, '--bank', SEALED], 'E_BANK_KEY');
  assert.equal((await lab.slotOf(os)).state, 'parked');
}

async function comeBack(lab: Lab, moments: ReadonlyMap<string, PastMoment>): Promise<void> {
  const os = lab.guests[0]!;
  await lab.powerCycle();
  await lab.sh(`(umask 077; echo 'a horse, a staple' >/run/passphrase)`);
  const key = ['--bank', SEALED, '--passphrase-file', '/run/passphrase'];
  await lab.machine.run([TORPOR, 'bank', 'verify', ...key], { timeoutMs: 1_800_000 });
  await lab.machine.run([TORPOR, 'restore', `${os}@${TAG}`, '--check', ...key], { timeoutMs: 1_800_000 });
  await requireMoment(lab, os, moments.get(os)!);
  await lab.go(lab.home);
  await lab.sh(`rm -rf ${SEALED}`);
}
