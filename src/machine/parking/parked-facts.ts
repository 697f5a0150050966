import * as z from 'zod';
import { FENCE_KINDS } from '../../filesystem/disk-fence.ts';

const count = z.int().min(0);
const fence = z.strictObject({
  kind: z.enum(FENCE_KINDS),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  mounts: count.nullable(),
  mountedS: count.nullable(),
  writtenS: count.nullable(),
});

/** What a parked OS says of itself, in its slot. */
const schema = z.object({
  os: z.string().min(1).max(64),
  /** Of /etc/machine-id: two OSes of one name are told apart by it. */
  machineId: z.string().max(64),
  createdMs: count,
  /** The time stamp counter when it was told to park, hexadecimal. */
  startTsc: z.string().regex(/^0x[0-9a-f]{1,16}$/),
  machine: z.object({
    firmwareMap: z.array(z.object({ start: count, end: count, type: z.string() })),
    cpu: z.object({
      vendor: z.string(),
      model: z.string(),
      flags: z.array(z.string()),
      la57: z.boolean(),
      processors: count,
    }),
  }),
  kernel: z.object({ release: z.string(), bootId: z.string(), commandLine: z.string().nullable() }),
  disks: z.array(z.object({ name: z.string().min(1).max(64), fence })),
  stagesMs: z.record(z.string(), z.number()),
});

export type ParkedFacts = z.infer<typeof schema>;

/** Throws RangeError when the text is none. */
export function parseParkedFacts(text: string): ParkedFacts {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new RangeError('it does not say what it is of', { cause });
  }
}
