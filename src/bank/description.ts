import * as z from 'zod';
import { PHYS_ADDR_LIMIT, physAddr } from '../base/units.ts';

/** Pages that a region may have: 16 TiB. */
export const MAX_REGION_PAGES = 2 ** 32;
export const MAX_REGIONS = 64;
/** 4096 packs of 128 MiB are 512 GiB of pages that differ. */
export const MAX_PACKS = 4096;
/** Pages of a pack: 128 MiB. */
export const PACK_PAGES = 32_768;

const address = z.int().min(0).max(PHYS_ADDR_LIMIT);
const count = z.int().min(0);
const sizeBytes = z
  .int()
  .min(0)
  .max(2 ** 50);
const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.:+-]{0,63}$/,
    'a name is 1–64 letters, digits or _.:+- and starts with a letter or digit',
  );
/** A number of up to 64 bits, such as `0xffffffff81000000`. */
const hexText = z.string().regex(/^0x[0-9a-f]{1,16}$/, 'not a hexadecimal number');
const text = (longest: number) => z.string().max(longest);
const range = z
  .strictObject({ start: address, end: address })
  .refine((value) => value.start < value.end, 'the range is empty');

/** `sha256:` and 64 hexadecimal digits. */
export const digestSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'not a SHA-256 digest');
/** Names a snapshot for ever, also when its packs are rewritten: 32 hexadecimal digits. */
export const snapshotIdSchema = z.string().regex(/^[0-9a-f]{32}$/, 'not the id of a snapshot');

/** Also in references such as `debian13@monday`, so without `@`. */
export const osNameSchema = name;
export const tagSchema = name;

const regionSchema = z.discriminatedUnion('kind', [
  z
    .strictObject({
      kind: z.literal('memory'),
      name: z.enum(['memory', 'low']),
      start: address.transform(physAddr),
      pages: z.int().min(1).max(MAX_REGION_PAGES),
    })
    .refine((region) => region.start % 4096 === 0, 'the region is not page-aligned')
    .refine((region) => region.start + region.pages * 4096 <= PHYS_ADDR_LIMIT, 'the region leaves 52 bits'),
  z
    .strictObject({
      kind: z.literal('disk'),
      name,
      pages: z.int().min(1).max(MAX_REGION_PAGES),
      sizeBytes,
    })
    .refine(
      (disk) => Math.ceil(disk.sizeBytes / 4096) === disk.pages,
      'the size of the disk is not that of its pages',
    ),
]);

/** What the one who saves says about the frozen OS. */
const factsShape = {
  os: osNameSchema,
  tag: tagSchema,
  note: text(4096),
  createdMs: count,
  /** How long the OS had stood still when this was written, where it is known. */
  pausedMs: count.nullable().default(null),
  engine: z.enum(['resident', 'image']),
  /** Of an image made by its own kernel through /dev/snapshot (docs/formats/image-stream.md). */
  image: z
    .strictObject({
      jumpAddress: hexText,
      jumpAddressPhys: hexText,
      cr3: hexText,
      e820Checksum: z.int().min(0).max(0xffff_ffff),
      physPages: count,
    })
    .nullable()
    .default(null),
  machine: z.strictObject({
    firmwareMap: z.array(z.strictObject({ start: address, end: address, type: text(64) })).max(1024),
    switchboard: address,
    slot: z.strictObject({ index: z.int().min(0).max(15), memory: range, low: range.nullable() }),
    cpu: z.strictObject({
      vendor: text(64),
      model: text(128),
      flags: z.array(text(32)).max(1024),
      la57: z.boolean(),
      processors: z.int().min(1).max(65_536),
    }),
  }),
  kernel: z.strictObject({
    release: text(128),
    bootId: text(64),
    commandLine: text(16_384).nullable(),
    /** Where the parked kernel is entered again. */
    entry: address,
    /** Where its stub starts. */
    stub: address,
    vmcoreinfo: z.strictObject({ address, sizeBytes: z.int().min(0).max(65_536) }).nullable(),
    /** What the kernel expects in its free pages. */
    freePages: z.enum(['any', 'zero', 'poison']),
  }),
  disks: z
    .array(
      z.strictObject({
        name,
        sizeBytes,
        shared: z.boolean(),
        /** For a shared disk, which is not in the snapshot: a digest of its state, to be the same at a restore. */
        fence: text(256).nullable(),
      }),
    )
    .max(MAX_REGIONS),
};

const packSchema = z.strictObject({
  digest: digestSchema,
  sizeBytes,
  pages: z.int().min(1).max(PACK_PAGES),
  /** SHA-256 of the pack's trailer as stored: any page of the pack can be checked alone. */
  trailer: digestSchema,
});

/** Counts of pages over all regions. */
const pageCounts = z.strictObject({ stored: count, zero: count, free: count });

export const factsSchema = z.strictObject(factsShape);

export const descriptionSchema = z.strictObject({
  version: z.literal(1),
  id: snapshotIdSchema,
  /** The id of the snapshot of the same OS that this one was compared with. */
  parent: snapshotIdSchema.nullable(),
  ...factsShape,
  /** In the order of the page maps. */
  regions: z.array(regionSchema).max(MAX_REGIONS),
  /** Digests of the page maps, in the order of the regions: another snapshot's cannot stand in their place. */
  pageMaps: z.array(digestSchema).max(MAX_REGIONS),
  /** In the order in which page maps number them. */
  packs: z.array(packSchema).max(MAX_PACKS),
  pages: pageCounts,
});

/** What the one who saves says about the frozen OS; `Bank.save` adds the rest. */
export type SnapshotFacts = z.input<typeof factsSchema>;
/** Everything that is needed to bring a snapshot back, but its pages. */
export type Description = z.infer<typeof descriptionSchema>;
export type PackEntry = Description['packs'][number];
