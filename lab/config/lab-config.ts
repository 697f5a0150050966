import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { TorporError } from '../../src/base/errors.ts';
import { GIB, MIB } from '../../src/base/units.ts';
import { KERNEL_VERSION_NAMES } from '../kernel/versions.ts';
import { ROOT_KINDS } from '../rootfs/root.ts';
import { type ConfigFile, fileSchema } from './file-schema.ts';
import { findLine } from './find-line.ts';

/** The lab's OS that saves, restores and starts the others; booted by the firmware unless `home` says otherwise. */
export const MONITOR = 'monitor';

/** Sparse: only what is in the bank takes room on the host. */
const DEFAULT_BANK_BYTES = 8 * GIB;

export type Firmware = 'bios' | 'uefi';

/** A built kernel by its version, or somebody's own bzImage. */
export type KernelChoice = { readonly version: string } | { readonly path: string };

/** Where the root filesystem of an OS comes from. */
export type RootChoice =
  /** A root that the lab builds: `debian12`, `debian13`, `tiny`, … */
  | { readonly kind: 'built'; readonly name: string }
  /** A directory to make a disk from. */
  | { readonly kind: 'directory'; readonly path: string }
  /** A raw disk image; the lab works on a copy. */
  | { readonly kind: 'image'; readonly path: string }
  /** No disk: everything is in the initrd. */
  | { readonly kind: 'none' };

export interface OsConfig {
  readonly name: string;
  readonly kernel: KernelChoice;
  /** Null: the lab's own initramfs. */
  readonly initrd: string | null;
  readonly root: RootChoice;
  readonly memoryBytes: number;
  /** Null: all processors of the machine. */
  readonly cpus: number | null;
  /** Further kernel arguments. */
  readonly args: readonly string[];
}

export interface LabConfig {
  readonly cpus: number;
  /** All memory of the machine; null: as much as its OSes need. */
  readonly memoryBytes: number | null;
  readonly firmware: Firmware;
  /** Size of the disk for the bank; null: home has none. */
  readonly bankBytes: number | null;
  /** The OS that the firmware boots. */
  readonly home: OsConfig;
  /** The OSes that get slots 1, 2, … in this order. */
  readonly guests: readonly OsConfig[];
}

/** Reads `--config FILE`; paths in it are relative to its directory. Throws E_FILE, E_CONFIG. */
export function readLabConfig(path: string): LabConfig {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new TorporError('E_FILE', `${path} cannot be read: ${reason}`, {
      facts: { path, reason },
      cause: error,
    });
  }
  return parseLabConfig(text, path);
}

/** Parses the TOML of a lab machine. Throws E_CONFIG with the facts `path`, `key` and `line`. */
export function parseLabConfig(text: string, path = 'the default configuration'): LabConfig {
  const refuse = (message: string, key: readonly PropertyKey[], line = findLine(text, key)): TorporError =>
    new TorporError('E_CONFIG', `${path}:${line}: ${message}`, {
      facts: { path, line, key: key.map(String).join('.') },
      hint: 'docs/lab.md lists every key; `torpor lab up` without --config needs no file',
    });
  let toml: unknown;
  try {
    toml = parse(text);
  } catch (error) {
    if (error instanceof TomlError) throw refuse(firstLine(error.message), [], error.line);
    throw refuse(firstLine(String(error)), []);
  }
  const parsed = fileSchema.safeParse(toml);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const key = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]!] : issue.path;
    throw refuse(`${key.map(String).join('.') || 'the file'}: ${firstLine(issue.message)}`, key);
  }
  return resolveConfig(parsed.data, dirname(path), refuse);
}

function resolveConfig(
  file: ConfigFile,
  directory: string,
  refuse: (message: string, key: readonly PropertyKey[]) => TorporError,
): LabConfig {
  const names = new Set<string>();
  const listed = file.os.map((os, index): OsConfig => {
    const at = (key: string) => ['os', index, key];
    if (names.has(os.name)) throw refuse(`two OSes are called “${os.name}”`, at('name'));
    if (os.name.startsWith('torpor'))
      throw refuse('names that begin with “torpor” are kept for the lab', at('name'));
    names.add(os.name);
    if (isVersion(os.kernel) && !isOneOf(KERNEL_VERSION_NAMES, os.kernel)) {
      throw refuse(
        `the lab builds no Linux ${os.kernel}, only ${KERNEL_VERSION_NAMES.join(', ')}`,
        at('kernel'),
      );
    }
    const root = chooseRoot(os.root, os.disk, directory);
    if (root.kind === 'built' && !isOneOf(ROOT_KINDS, root.name)) {
      throw refuse(`the lab knows no root “${root.name}”, only ${ROOT_KINDS.join(', ')}`, at('root'));
    }
    if (os.disk !== undefined && os.root !== undefined) throw refuse('give either root or disk', at('disk'));
    if (os.disk === undefined && os.root === undefined && os.initrd === undefined) {
      throw refuse(`“${os.name}” needs a root, a disk or an initrd`, at('name'));
    }
    return {
      name: os.name,
      kernel: isVersion(os.kernel) ? { version: os.kernel } : { path: resolve(directory, os.kernel) },
      initrd: os.initrd === undefined ? null : resolve(directory, os.initrd),
      root,
      memoryBytes: os.memory,
      cpus: os.cpus ?? null,
      args: os.args ?? [],
    };
  });
  const machine = file.machine ?? {};
  const homeName = machine.home ?? MONITOR;
  const home = listed.find((os) => os.name === homeName);
  if (home === undefined && homeName !== MONITOR) {
    throw refuse(`home names “${homeName}”, which is no OS of this file`, ['machine', 'home']);
  }
  return {
    cpus: machine.cpus ?? 2,
    memoryBytes: machine.memory ?? null,
    firmware: machine.firmware ?? 'bios',
    bankBytes: machine.bank === false ? null : (machine.bank ?? DEFAULT_BANK_BYTES),
    home: home ?? planMonitor(machine['monitor-memory'] ?? 512 * MIB),
    guests: listed.filter((os) => os !== home),
  };
}

/** The monitor as the lab builds it, unless the file has an OS of that name. */
function planMonitor(memoryBytes: number): OsConfig {
  const root: RootChoice = { kind: 'built', name: MONITOR };
  return {
    name: MONITOR,
    kernel: { version: '6.12' },
    initrd: null,
    root,
    memoryBytes,
    cpus: null,
    args: [],
  };
}

function chooseRoot(root: string | undefined, disk: string | undefined, directory: string): RootChoice {
  if (disk !== undefined) return { kind: 'image', path: resolve(directory, disk) };
  if (root === undefined) return { kind: 'none' };
  return /^[\w-]+$/.test(root)
    ? { kind: 'built', name: root }
    : { kind: 'directory', path: resolve(directory, root) };
}

function isVersion(kernel: string): boolean {
  return /^\d+\.\d+$/.test(kernel);
}

function isOneOf(known: readonly string[], name: string): boolean {
  return known.includes(name);
}

function firstLine(text: string): string {
  return text.split('\n')[0]!;
}
