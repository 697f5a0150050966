import * as z from 'zod';
import { MIB, parseSize } from '../../src/base/units.ts';

const SIZE = z.string().transform((text, context) => {
  try {
    const bytes = parseSize(text);
    if (bytes % MIB === 0 && bytes > 0) return bytes;
    context.addIssue({ code: 'custom', message: `“${text}” is not a whole number of MiB` });
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
  }
  return z.NEVER;
});

/** At most 16 characters: the name is also the disk's serial number, which has room for 20. */
const NAME = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,15}$/, 'a name is 1 to 16 of a-z, 0-9 and -, a letter first');
const ARGS = z.union([
  z.string().transform((text) => text.split(/\s+/).filter((word) => word !== '')),
  z.array(z.string().regex(/^[\x21-\x7e]+$/, 'a kernel argument has no spaces')),
]);

const osSchema = z.strictObject({
  name: NAME,
  kernel: z.string().min(1),
  initrd: z.string().min(1).optional(),
  disk: z.string().min(1).optional(),
  root: z.string().min(1).optional(),
  memory: SIZE,
  cpus: z.int().min(1).max(16).optional(),
  args: ARGS.optional(),
});

/** The configuration file as TOML gives it. */
export const fileSchema = z.strictObject({
  machine: z
    .strictObject({
      cpus: z.int().min(1).max(16).optional(),
      memory: SIZE.optional(),
      firmware: z.enum(['bios', 'uefi']).optional(),
      'monitor-memory': SIZE.optional(),
      bank: z.union([SIZE, z.literal(false)]).optional(),
      home: NAME.optional(),
    })
    .optional(),
  os: z.array(osSchema).min(1).max(16),
});

export type ConfigFile = z.infer<typeof fileSchema>;
