import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { ErrorCodeName } from '../../../src/base/error-codes.ts';
import { decodeBzImage } from '../../../src/kernel/bzimage.ts';
import { type Lab, requireRefusal } from '../fixture.ts';
import { labTest, type Suite } from '../lab-test.ts';
import { verifyOses, watchOs } from '../witnesses.ts';

const PLACE = '/var/lib/bad-input';
/** xloadflags of the setup header; bit 0 is the 64-bit entry point (Documentation/arch/x86/boot.rst). */
const XLOADFLAGS = 0x236;

export const badInput: Suite = {
  name: 'bad input',
  define(lab) {
    labTest(lab, 'what is no kernel that can be booted is refused', () => badKernels(lab), 8);
    labTest(lab, 'what does not fit is refused', () => doesNotFit(lab), 6);
    labTest(lab, 'an OS that is unknown or booted already is refused', () => wrongOs(lab));
    labTest(lab, 'without root every command says so', () => withoutRoot(lab), 6);
    labTest(lab, 'without /dev/mem, a plan or the lock nothing is changed', () => without(lab), 6);
  },
};

/** Registers an OS as `bad`, tries to boot it, and forgets it again. The others must not notice. */
async function refuseBoot(
  lab: Lab,
  os: { kernel: string; initrd?: string; memory?: string; append?: string },
  code: ErrorCodeName,
  pattern: RegExp,
): Promise<void> {
  const options = Object.entries(os).flatMap(([name, value]) => [`--${name}`, value]);
  const added = await lab.torpor(['os', 'add', 'bad', '--replace', ...options]);
  assert.equal(added.exit, 0, added.stderr);
  const error = await lab.refusal(['boot', 'bad'], code);
  assert.match(`${error.message} ${error.hint}`, pattern);
}

/** The first guest's slot is free while `action` runs. */
async function withFreeSlot(lab: Lab, action: (kernel: string) => Promise<void>): Promise<void> {
  const [guest, other] = lab.guests;
  await watchOs(lab, other!);
  await watchOs(lab, lab.home);
  await lab.go(lab.home);
  await lab.torpor(['stop', '--force', guest!]);
  const before = await lab.status();
  const { kernel } = JSON.parse((await lab.torpor(['os', 'show', guest!, '--json'])).stdout);
  await lab.sh(`rm -rf ${PLACE}; mkdir -p ${PLACE}`);
  try {
    await action(kernel);
    assert.deepEqual(await lab.status(), before, 'nothing has changed');
    await verifyOses(lab, [lab.home, other!]);
  } finally {
    await lab.go(lab.home);
    await lab.torpor(['os', 'rm', 'bad']);
    await lab.sh(`rm -rf ${PLACE}`);
    await lab.settle();
  }
}

async function badKernels(lab: Lab): Promise<void> {
  // Its payload cannot be decompressed, so that the file beside it has to say what the kernel can.
  const { payloadOffset } = decodeBzImage(readFileSync(lab.machine.spec.oses[1]!.kernel));
  await withFreeSlot(lab, async (kernel) => {
    await lab.sh(`cd ${PLACE}; : >empty; head -c 300000 /dev/urandom >noise; head -c 200000 ${kernel} >short
      cp ${kernel} old; printf '\\0\\0' | dd of=old bs=1 seek=${XLOADFLAGS} conv=notrunc 2>/dev/null
      cp ${kernel} vmlinuz-stock
      dd if=/dev/zero of=vmlinuz-stock bs=1 seek=${payloadOffset} count=4 conv=notrunc 2>/dev/null
      printf 'CONFIG_X86_64=y\\n# CONFIG_KEXEC_JUMP is not set\\n' >config-stock`);
    await refuseBoot(lab, { kernel: `${PLACE}/missing` }, 'E_FILE', /ENOENT/);
    await refuseBoot(lab, { kernel: PLACE }, 'E_FILE', /EISDIR/);
    await refuseBoot(lab, { kernel: `${PLACE}/empty` }, 'E_NOT_BZIMAGE', /bzImage/);
    await refuseBoot(lab, { kernel: `${PLACE}/noise` }, 'E_NOT_BZIMAGE', /bzImage/);
    await refuseBoot(lab, { kernel: `${PLACE}/short` }, 'E_NOT_BZIMAGE', /cut short/);
    await refuseBoot(lab, { kernel: '/opt/torpor/bin/node' }, 'E_NOT_BZIMAGE', /ELF/);
    await refuseBoot(lab, { kernel: `${PLACE}/old` }, 'E_KERNEL_32BIT', /32-bit/);
    await refuseBoot(lab, { kernel: `${PLACE}/vmlinuz-stock` }, 'E_KERNEL_NO_JUMP', /CONFIG_KEXEC_JUMP=y/);
  });
}

async function doesNotFit(lab: Lab): Promise<void> {
  await withFreeSlot(lab, async (kernel) => {
    const slotBytes = lab.machine.spec.oses[1]!.memoryBytes;
    await lab.sh(`truncate -s ${slotBytes - 2 ** 25} ${PLACE}/initrd`);
    await refuseBoot(lab, { kernel, initrd: `${PLACE}/initrd` }, 'E_INITRD_TOO_LARGE', /missing/);
    await refuseBoot(lab, { kernel, initrd: `${PLACE}/none` }, 'E_FILE', /ENOENT/);
    await refuseBoot(lab, { kernel, memory: '64G' }, 'E_NO_SLOT', /large enough|slot/);
    await refuseBoot(lab, { kernel, append: 'x'.repeat(5000) }, 'E_CMDLINE_TOO_LONG', /accepts/);
  });
}

async function wrongOs(lab: Lab): Promise<void> {
  await lab.go(lab.home);
  const [guest] = lab.guests;
  const before = await lab.status();
  await lab.refusal(['boot', 'nowhere'], 'E_OS_UNKNOWN');
  await lab.refusal(['boot', '../../etc/passwd'], 'E_OS_UNKNOWN');
  const error = await lab.refusal(['boot', guest!], 'E_OS_BOOTED');
  assert.deepEqual(error.facts, { name: guest, slot: 1, state: 'parked' });
  const { kernel } = JSON.parse((await lab.torpor(['os', 'show', guest!, '--json'])).stdout);
  await refuseBoot(lab, { kernel }, 'E_NO_SLOT', /slot/);
  await lab.torpor(['os', 'rm', 'bad']);
  assert.deepEqual(await lab.status(), before);
}

async function withoutRoot(lab: Lab): Promise<void> {
  await lab.go(lab.home);
  const before = await lab.status();
  const [guest] = lab.guests;
  const asNobody = async (args: readonly string[]) => {
    const program = `process.setgroups([]); process.setgid(65534); process.setuid(65534);
      const { status } = require('child_process').spawnSync('/opt/torpor/bin/torpor', ${JSON.stringify(args)}, { stdio: 'inherit' });
      process.exitCode = status;`;
    return await lab.exec(['/opt/torpor/bin/node', '-e', program]);
  };
  for (const args of [
    ['status'],
    ['switch', guest!],
    ['boot', guest!],
    ['stop', guest!],
    ['show', guest!],
    ['join'],
  ]) {
    requireRefusal(args.join(' '), await asNobody([...args, '--json']), 'E_NOT_ROOT');
  }
  const doctor = await asNobody(['doctor', '--json']);
  assert.equal(JSON.parse(doctor.stdout).isRoot, false);
  assert.equal(doctor.exit, 3, 'an obstacle is that root is missing');
  const listed = await asNobody(['os', 'ls', '--json']);
  assert.equal(listed.exit, 0, listed.stderr);
  assert.deepEqual(await lab.status(), before);
}

async function without(lab: Lab): Promise<void> {
  await lab.go(lab.home);
  const [guest] = lab.guests;
  const before = await lab.status();
  // A look of its own at the files: nobody else sees what is mounted.
  const among = (mounts: string, args: string) =>
    lab.exec(['unshare', '-m', 'sh', '-c', `${mounts}; exec /opt/torpor/bin/torpor ${args} --json`]);
  for (const args of ['status', `switch ${guest}`]) {
    const noDevice = 'mkdir -p /tmp/empty; mount --bind /tmp/empty /dev';
    requireRefusal(`${args} without /dev/mem`, await among(noDevice, args), 'E_NO_DEVMEM');
    const noPlan = 'echo quiet >/tmp/cmdline; mount --bind /tmp/cmdline /proc/cmdline';
    requireRefusal(`${args} without a plan`, await among(noPlan, args), 'E_NO_PLAN');
    const badPlan = 'echo torpor.switchboard=0x1234 >/tmp/cmdline; mount --bind /tmp/cmdline /proc/cmdline';
    requireRefusal(`${args} with a damaged plan`, await among(badPlan, args), 'E_NO_PLAN');
  }
  const busy = await lab.exec([
    'sh',
    '-c',
    `echo $$ >/run/torpor.lock; /opt/torpor/bin/torpor switch ${guest} --json; status=$?; rm /run/torpor.lock; exit $status`,
  ]);
  requireRefusal('a switch while another command works', busy, 'E_BUSY');
  assert.deepEqual(await lab.status(), before);
}
