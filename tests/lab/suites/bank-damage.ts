import assert from 'node:assert/strict';
import { BANK, readBankFiles } from '../bank/bank-files.ts';
import { compareCopies, copyOs } from '../bank/os-image.ts';
import type { Lab } from '../fixture.ts';
import { labTest, type Suite } from '../lab-test.ts';
import { verifyOses, watchOs } from '../witnesses.ts';

/** Two snapshots in banks that share nothing would prove nothing: these are in one. */
const [WHOLE, HURT] = ['whole', 'hurt'] as const;

export const bankDamage: Suite = {
  name: 'a damaged bank',
  define(lab) {
    labTest(lab, 'every damage is found before anything is overwritten', () => damages(lab), 50);
    labTest(lab, 'a full disk stops a snapshot and leaves nothing behind', () => fullDisk(lab), 10);
  },
};

interface Damage {
  readonly what: string;
  /** Shell: does it to the file `$1`; `$2` is another blob. */
  readonly script: string;
}

const DAMAGES: readonly Damage[] = [
  { what: 'a flipped bit in the middle', script: 'flip $1 $(($(stat -c %s $1) / 2))' },
  { what: 'a flipped bit at the start', script: 'flip $1 3' },
  { what: 'a flipped bit at the end', script: 'flip $1 $(($(stat -c %s $1) - 2))' },
  { what: 'a truncated file', script: 'truncate -s $(($(stat -c %s $1) - 100)) $1' },
  { what: 'an empty file', script: 'truncate -s 0 $1' },
  { what: 'a missing file', script: 'rm $1' },
  { what: 'another blob in its place', script: 'cp $2 $1' },
];

/** Inverts the lowest bit of the byte at an offset. */
const FLIP = `flip() {
	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf "\\\\$(printf %o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}`;

async function damages(lab: Lab): Promise<void> {
  const [os, other] = lab.guests;
  await watchOs(lab, os!);
  await watchOs(lab, other!);
  await lab.go(os!);
  await lab.sh('dd if=/dev/urandom of=/var/lib/only-here bs=64k count=64 conv=fsync 2>/dev/null');
  await lab.go(lab.home);
  for (const tag of [WHOLE, HURT]) await lab.torpor(['bank', 'rm', `${os}@${tag}`]);
  await lab.torpor(['bank', 'prune']);
  await lab.machine.snapshot(os!, { tag: WHOLE });
  await lab.go(os!);
  await lab.sh('dd if=/dev/urandom of=/var/lib/only-here bs=64k count=64 conv=fsync 2>/dev/null');
  await lab.go(lab.home);
  await lab.machine.snapshot(os!, { tag: HURT });
  await lab.go(os!);
  await verifyOses(lab, [os!, other!]);
  await lab.go(lab.home);

  const { snapshots, blobs } = await readBankFiles(lab.machine);
  const elsewhere = new Set(
    [...snapshots].flatMap(([reference, digests]) => (reference === `${os}@${HURT}` ? [] : [...digests])),
  );
  const own = [...snapshots.get(`${os}@${HURT}`)!].filter((digest) => !elsewhere.has(digest));
  assert.ok(own.length >= 4, `blobs of its own: ${own.length}`);
  const before = await copyOs(lab.machine, os!, 'before');
  for (const [index, { what, script }] of DAMAGES.entries()) {
    // Each damage to another blob of it, so that every kind of blob is met.
    const digest = own[index % own.length]!;
    const another = own[(index + 1) % own.length]!;
    const path = (of: string): string => `${BANK}/blobs/sha256/${of.slice('sha256:'.length)}`;
    await lab.sh(
      `${FLIP}\ncp ${path(digest)} /var/lib/kept\nset -- ${path(digest)} ${path(another)}\n${script}`,
    );
    const note = `${what}: ${digest} of ${blobs.get(digest)} bytes`;
    const error = await lab.refusal(['restore', `${os}@${HURT}`], 'E_BANK_DAMAGED');
    assert.match(error.message, new RegExp(`${HURT}`), note);
    assert.notEqual((await lab.torpor(['bank', 'verify'])).exit, 0, note);
    assert.equal((await lab.torpor(['bank', 'verify', `${os}@${WHOLE}`])).exit, 0, note);
    assert.equal((await lab.status()).unfinishedRestore, null, note);
    await lab.sh(`cat /var/lib/kept >${path(digest)}; sync`);
  }
  const now = await copyOs(lab.machine, os!, 'now');
  const pages = Object.values(compareCopies(before, now)).map((part) => part.pages);
  before.remove();
  now.remove();
  assert.deepEqual(pages, [0, 0, 0], 'nothing was touched');
  await verifyOses(lab, [os!, other!]);
  await lab.go(lab.home);
  assert.equal((await lab.torpor(['bank', 'verify'])).exit, 0, 'all is repaired');
  await lab.machine.restore(`${os}@${HURT}`, { check: true });
  await lab.machine.restore(`${os}@${WHOLE}`, { check: true });
}

async function fullDisk(lab: Lab): Promise<void> {
  const [os] = lab.guests;
  await lab.go(os!);
  await lab.sh('dd if=/dev/urandom of=/var/lib/only-here bs=64k count=128 conv=fsync 2>/dev/null');
  await lab.go(lab.home);
  const before = await readBankFiles(lab.machine);
  await lab.sh(
    `f=$(df -k ${BANK} | awk 'NR==2 {print $4}'); fallocate -l $(((f - 2048) * 1024)) ${BANK}/filler`,
  );
  try {
    await lab.refusal(['snapshot', os!, '--tag', 'too-much'], 'E_BANK_FULL');
  } finally {
    await lab.sh(`rm -f ${BANK}/filler`);
  }
  await lab.machine.snapshot(os!, { tag: 'fits' });
  const after = await readBankFiles(lab.machine);
  assert.deepEqual(
    [...after.snapshots.keys()].toSorted(),
    [...before.snapshots.keys(), `${os}@fits`].toSorted(),
  );
  assert.deepEqual([after.unused, after.missing, after.temporary], [[], [], []]);
  await lab.torpor(['bank', 'rm', `${os}@fits`]);
  await lab.settle();
}
