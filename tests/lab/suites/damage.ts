import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import type { ErrorCodeName } from '../../../src/base/error-codes.ts';
import {
  CONTROL,
  HEADER_CHECKED_BYTES,
  OFFSET,
  RECORD_BYTES,
  RECORD_CRC_OFFSET,
  RECORD_STATIC_OFFSET,
} from '../../../src/switchboard/layout.ts';
import { installScript } from '../../support/guest-script.ts';
import type { Lab } from '../fixture.ts';
import { labTest, type Suite } from '../lab-test.ts';
import { verifyOses, watchOs } from '../witnesses.ts';

interface Damage {
  readonly what: string;
  readonly offset: number;
  readonly length: number;
  change(bytes: Buffer): void;
  readonly code: ErrorCodeName;
}

const flip = (bytes: Buffer): void => {
  bytes[0]! ^= 0xff;
};
const record = (slot: number): number => OFFSET.records + slot * RECORD_BYTES;
/** Makes a record's checksum right again, so that only its values are wrong. */
const sealRecord = (bytes: Buffer): void => {
  bytes.writeUInt32LE(crc32(bytes.subarray(RECORD_STATIC_OFFSET, RECORD_CRC_OFFSET)), RECORD_CRC_OFFSET);
};
const sealHeader = (bytes: Buffer): void => {
  bytes.writeUInt32LE(crc32(bytes.subarray(16)), 12);
};

/** Byte offsets are those of docs/formats/switchboard.md. */
const DAMAGES: readonly Damage[] = [
  { what: 'the magic', offset: 0, length: 8, change: flip, code: 'E_SWITCHBOARD_MAGIC' },
  { what: 'the version', offset: 8, length: 4, change: flip, code: 'E_SWITCHBOARD_VERSION' },
  { what: 'a byte of the header', offset: 40, length: 1, change: flip, code: 'E_SWITCHBOARD_CHECKSUM' },
  {
    what: 'the base, with its checksum',
    offset: 0,
    length: HEADER_CHECKED_BYTES,
    change: (bytes) => {
      bytes.writeBigUInt64LE(0x1234_5678_9000n, 16);
      sealHeader(bytes);
    },
    code: 'E_SWITCHBOARD_CHECKSUM',
  },
  {
    what: 'the trampoline',
    offset: OFFSET.trampoline + 16,
    length: 1,
    change: flip,
    code: 'E_SWITCHBOARD_CHECKSUM',
  },
  { what: 'a page table', offset: OFFSET.pdpt + 8, length: 1, change: flip, code: 'E_SWITCHBOARD_CHECKSUM' },
  { what: 'the plan', offset: OFFSET.plan + 20, length: 1, change: flip, code: 'E_SWITCHBOARD_CHECKSUM' },
  { what: 'a name', offset: record(1) + 96, length: 1, change: flip, code: 'E_SWITCHBOARD_CHECKSUM' },
  {
    what: "a slot's memory, with its checksum",
    offset: record(1),
    length: RECORD_BYTES,
    change: (bytes) => {
      bytes.writeBigUInt64LE(0xffff_ffff_ffff_0000n, 40);
      sealRecord(bytes);
    },
    code: 'E_SWITCHBOARD_VALUE',
  },
  {
    what: 'a re-entry address',
    offset: record(1) + 8,
    length: 8,
    change: (bytes) => void bytes.writeBigUInt64LE(0xdead_beef_0000n),
    code: 'E_SWITCHBOARD_VALUE',
  },
  {
    what: 'a state',
    offset: record(1),
    length: 8,
    change: (bytes) => void bytes.writeBigUInt64LE(77n),
    code: 'E_SWITCHBOARD_VALUE',
  },
  {
    what: 'who runs',
    offset: OFFSET.control + CONTROL.fields.current.offset,
    length: 8,
    change: (bytes) => void bytes.writeBigUInt64LE(99n),
    code: 'E_SWITCHBOARD_VALUE',
  },
];

export const damage: Suite = {
  name: 'a damaged switchboard',
  define(lab) {
    labTest(
      lab,
      'every damage is found before anything is done, and repaired it goes on',
      () => damages(lab),
      10,
    );
  },
};

async function damages(lab: Lab): Promise<void> {
  const [guest] = lab.guests;
  await watchOs(lab, guest!);
  await watchOs(lab, lab.home);
  await lab.go(lab.home);
  const before = await lab.status();
  const base = Number(/torpor\.switchboard=(\w+)/.exec(await lab.sh('cat /proc/cmdline'))![1]);
  const poke = await installScript(lab.machine, 'poke');
  const command = (op: 'r' | 'w', offset: number, argument: string): string =>
    [...poke, op, String(base + offset), argument].join(' ');
  for (const { what, offset, length, change, code } of DAMAGES) {
    const good = Buffer.from(await lab.sh(command('r', offset, String(length))), 'base64');
    const bad = Buffer.from(good);
    change(bad);
    assert.notDeepEqual(bad, good);
    await lab.sh(command('w', offset, bad.toString('base64')));
    try {
      for (const args of [['status'], ['switch', guest!]]) {
        const { message } = await lab.refusal(args, code).catch((error) => {
          throw new Error(`${what} was damaged: ${error.message}`);
        });
        assert.ok(message.length > 10);
      }
    } finally {
      await lab.sh(command('w', offset, good.toString('base64')));
    }
  }
  assert.deepEqual(await lab.status(), before);
  await verifyOses(lab, [guest!, lab.home]);
}
