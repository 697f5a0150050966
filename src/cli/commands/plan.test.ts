import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { TorporError } from '../../base/errors.ts';
import { PC_BIOS_2G } from '../../memory/firmware-map.fixture.ts';
import { parseFirmwareMap } from '../../memory/parse-firmware-map.ts';
import { planCommand } from './plan.ts';

const folder = mkdtempSync(join(tmpdir(), 'torpor-plan-'));
after(() => rmSync(folder, { recursive: true }));
const mapFile = join(folder, 'map.json');
writeFileSync(mapFile, JSON.stringify(PC_BIOS_2G));

/** Runs the command and returns what it prints. */
async function run(...argv: string[]): Promise<string> {
  const write = process.stdout.write;
  let printed = '';
  process.stdout.write = (chunk) => {
    printed += chunk;
    return true;
  };
  try {
    await planCommand().exitOverride().parseAsync(argv, { from: 'user' });
  } finally {
    process.stdout.write = write;
  }
  return printed;
}

test('prints the plan, the kernel arguments and the GRUB line', async () => {
  const text = await run('--slots', '3x512M', '--firmware-map', mapFile);
  assert.match(text, /^home \(keeps\) {2}510\.\d MiB/m);
  assert.match(text, /^slot 3 +512 MiB +0x5be00000-0x7be00000 +0x30000-0x40000$/m);
  assert.match(text, /^memmap=192K\$0x10000 memmap=1537M\$0x1bd00000 torpor\.switchboard=0x1bd00000 /m);
  assert.match(text, /^GRUB_CMDLINE_LINUX="\$GRUB_CMDLINE_LINUX memmap=192K\\\\\\\$0x10000 /m);
});

test('its JSON holds the same, and its firmware map can be read again', async () => {
  const text = await run('--slots', '512M', '--at', '0x20000000', '--firmware-map', mapFile, '--json');
  const json = JSON.parse(text);
  assert.deepEqual(json.plan.switchboard, { start: 0x1ff00000, end: 0x20000000 });
  assert.equal(json.kernelArguments[1], 'memmap=513M$0x1ff00000');
  assert.deepEqual(parseFirmwareMap(text), PC_BIOS_2G);
});

test('wrong values are coded errors', async () => {
  for (const [code, ...argv] of [
    ['E_PLAN_NO_ROOM', '--slots', '4G', '--firmware-map', mapFile],
    ['E_PLAN_SLOTS', '--slots', '', '--firmware-map', mapFile],
    ['E_SIZE', '--slots', 'big', '--firmware-map', mapFile],
    ['E_USAGE', '--slots', '512M', '--at', 'here', '--firmware-map', mapFile],
    ['E_PLAN_LOW_SLICE', '--slots', '512M', '--low-slice', '4K', '--firmware-map', mapFile],
    ['E_FILE', '--slots', '512M', '--firmware-map', join(folder, 'none')],
  ] as const) {
    await assert.rejects(run(...argv), (error) => error instanceof TorporError && error.code === code, code);
  }
});
