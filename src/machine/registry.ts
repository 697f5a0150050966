import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'smol-toml';
import * as z from 'zod';
import { TorporError } from '../base/errors.ts';
import { parseSize } from '../base/units.ts';

/** As the bank allows for the name of a region. */
const DISK_NAME = /^[A-Za-z0-9][A-Za-z0-9_.:+-]{0,63}$/;

/** A disk or partition of an OS. */
const diskSchema = z
  .strictObject({
    /** Serial number, path below /dev, or `PARTUUID=…`. */
    id: z.string().min(1).max(256),
    /** What snapshots call it; made from the id when left out. */
    name: z.string().regex(DISK_NAME, 'use letters, digits and _.:+-').optional(),
    /** Not part of the OS: others use it too, so snapshots leave it out. */
    shared: z.boolean().default(false),
  })
  .transform((disk) => ({ ...disk, name: disk.name ?? diskName(disk.id) }))
  .refine(({ name }) => DISK_NAME.test(name), 'give the disk a name of letters, digits and _.:+-');

/** An OS that can be booted into a slot: one file `NAME.toml` in the registry's directory. */
const schema = z.strictObject({
  /** Absolute path of a bzImage. */
  kernel: z.string(),
  initrd: z.string().optional(),
  /** What the OS's slot must have at least, such as "512M". */
  memory: z.string().refine(isSize, 'it is not a size such as 512M').optional(),
  /** A fixed slot; otherwise the smallest free one that is large enough. */
  slot: z.number().int().min(1).max(15).optional(),
  /** Kernel arguments of its own. */
  args: z.string().default(''),
  /** All disks that it writes to. */
  disks: z
    .array(diskSchema)
    .max(16)
    .default([])
    .refine(
      (disks) => new Set(disks.map(({ name }) => name)).size === disks.length,
      'two disks have one name',
    ),
});

/** A disk as the command line names it. */
export function makeDisk(id: string, shared: boolean): RegisteredDisk {
  return { id, name: diskName(id), shared };
}

/** `torpor-7` → itself; `/dev/disk/by-id/x` → `x`; `PARTUUID=1-2` → `PARTUUID:1-2`. */
function diskName(id: string): string {
  return id
    .slice(id.lastIndexOf('/') + 1)
    .replaceAll('=', ':')
    .slice(0, 64);
}

function isSize(text: string): boolean {
  try {
    return parseSize(text) > 0;
  } catch {
    return false;
  }
}

export type RegisteredOs = z.infer<typeof schema> & { readonly name: string };
export type RegisteredDisk = RegisteredOs['disks'][number];

export const REGISTRY_DIRECTORY = '/etc/torpor/os.d';
const NAME = /^[a-z0-9][a-z0-9._-]{0,30}$/;

/** The OSes that this machine knows. */
export class Registry {
  readonly #directory: string;

  constructor(directory = REGISTRY_DIRECTORY) {
    this.#directory = directory;
  }

  list(): RegisteredOs[] {
    if (!existsSync(this.#directory)) return [];
    const files = readdirSync(this.#directory).filter((file) => file.endsWith('.toml'));
    const names = files.map((file) => file.slice(0, -'.toml'.length)).filter((name) => NAME.test(name));
    return names.toSorted().map((name) => this.get(name));
  }

  has(name: string): boolean {
    return NAME.test(name) && existsSync(this.#path(name));
  }

  /** Throws E_OS_UNKNOWN, or E_REGISTRY when the file is not valid. */
  get(name: string): RegisteredOs {
    this.#requireKnown(name);
    return decodeEntry(name, readFileSync(this.#path(name), 'utf8'), this.#path(name));
  }

  #requireKnown(name: string): void {
    if (this.has(name)) return;
    throw new TorporError('E_OS_UNKNOWN', `no OS is registered as “${name}”`, {
      facts: { name },
      hint: 'list them with `torpor os ls`, add one with `torpor os add`',
    });
  }

  /** Adds or, with `replace`, changes an OS. Throws E_OS_EXISTS, E_USAGE, E_SIZE. */
  add(os: RegisteredOs, replace = false): void {
    if (!NAME.test(os.name)) {
      throw new TorporError('E_USAGE', `“${os.name}” is no name for an OS`, {
        facts: { name: os.name },
        hint: 'use up to 31 small letters, digits, dots, dashes and underscores',
      });
    }
    if (!replace && this.has(os.name)) {
      throw new TorporError('E_OS_EXISTS', `“${os.name}” is registered already`, {
        facts: { name: os.name },
        hint: `remove it first with \`torpor os rm ${os.name}\``,
      });
    }
    if (os.memory !== undefined) parseSize(os.memory);
    const { name: _, ...entry } = os;
    const result = schema.safeParse(entry);
    if (!result.success) {
      throw new TorporError(
        'E_USAGE',
        `“${os.name}” cannot be registered: ${z.prettifyError(result.error)}`,
        {
          facts: { name: os.name },
          hint: '`torpor os add --help` says what each option takes',
        },
      );
    }
    mkdirSync(this.#directory, { recursive: true });
    const path = this.#path(os.name);
    writeFileSync(`${path}.new`, `${stringify(entry)}\n`);
    renameSync(`${path}.new`, path);
  }

  /** Also one whose file is not valid. Throws E_OS_UNKNOWN. */
  remove(name: string): void {
    this.#requireKnown(name);
    rmSync(this.#path(name));
  }

  #path(name: string): string {
    return join(this.#directory, `${name}.toml`);
  }
}

/** Reads one registry file's text. Throws E_REGISTRY with the place of the mistake. */
export function decodeEntry(name: string, text: string, path: string): RegisteredOs {
  try {
    return { ...schema.parse(parse(text)), name };
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : String((cause as Error).message);
    throw new TorporError('E_REGISTRY', `${path} is not valid: ${why}`, {
      facts: { path },
      hint: `correct the file, or remove it and add the OS again with \`torpor os add ${name}\``,
      cause,
    });
  }
}
