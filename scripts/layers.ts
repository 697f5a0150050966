/** A part of the repository, what it may import, and why. */
interface Layer {
  readonly name: string;
  readonly folder: string;
  /** Other layers that it may import, each with the reason. Whatever is not here is forbidden. */
  readonly mayImport: Readonly<Record<string, string>>;
}

const TERMS = 'units, ranges, structures and errors';
const KERNEL_CALLS = 'calls the kernel through the interface Sys';

/** All layers, lowest first: a layer imports only earlier ones. */
export const LAYERS: readonly Layer[] = [
  { name: 'base', folder: 'src/base', mayImport: {} },
  { name: 'sys', folder: 'src/sys', mayImport: { base: TERMS } },
  { name: 'filesystem', folder: 'src/filesystem', mayImport: { base: TERMS } },
  {
    name: 'memory',
    folder: 'src/memory',
    mayImport: { base: TERMS, sys: `reads the firmware map; ${KERNEL_CALLS}` },
  },
  {
    name: 'kernel',
    folder: 'src/kernel',
    mayImport: {
      base: TERMS,
      sys: `reads kernels and vmcoreinfo; ${KERNEL_CALLS}`,
      memory: 'an e820 map is a firmware map',
    },
  },
  {
    name: 'switchboard',
    folder: 'src/switchboard',
    mayImport: {
      base: TERMS,
      sys: 'its pages are mapped physical memory',
      memory: 'it carries the memory plan',
      kernel: 'a first start needs the entry point and boot parameters of a kernel',
    },
  },
  {
    name: 'bank',
    folder: 'src/bank',
    mayImport: { base: TERMS, sys: 'its files are in a Storage' },
  },
  {
    name: 'engine',
    folder: 'src/engine',
    mayImport: {
      base: TERMS,
      sys: KERNEL_CALLS,
      memory: 'slots are ranges of the memory plan',
      kernel: 'places kernels in slots',
      switchboard: 'leaves and enters kernels through it',
      filesystem: 'leaves free blocks of a disk out of an image',
    },
  },
  {
    name: 'machine',
    folder: 'src/machine',
    mayImport: {
      base: TERMS,
      sys: KERNEL_CALLS,
      memory: 'applies the memory plan',
      kernel: 'checks the kernel of an OS when it is registered',
      switchboard: 'the state of the OSes is in its records',
      filesystem: 'leaves free blocks of a disk out of a snapshot',
      bank: 'saves and restores OSes',
      engine: 'carries out the lifecycle of the OSes',
    },
  },
  {
    name: 'doctor',
    folder: 'src/doctor',
    mayImport: {
      base: TERMS,
      sys: 'probes the running kernel',
      memory: 'checks the firmware map and the memory plan',
      kernel: 'checks kernels',
      switchboard: 'checks the switchboard',
      engine: 'asks the engines what they need',
      machine: 'checks the registered OSes',
    },
  },
  {
    name: 'agent',
    folder: 'src/agent',
    mayImport: {
      base: TERMS,
      sys: KERNEL_CALLS,
      memory: 'reports the memory plan',
      kernel: 'starts a kernel for the monitor',
      switchboard: 'requests travel through its mailbox',
      engine: 'carries out a request to switch',
      machine: 'knows which OS it is',
    },
  },
  {
    name: 'cli',
    folder: 'src/cli',
    mayImport: {
      base: TERMS,
      sys: 'opens the real kernel for all commands',
      memory: '`plan`',
      kernel: '`os add`',
      switchboard: '`status`',
      bank: '`bank`',
      engine: 'prints phases and plans',
      machine: 'commands on OSes',
      doctor: '`doctor`',
      agent: '`agent`',
    },
  },
  { name: 'lab', folder: 'lab', mayImport: everyLayerOfSrc('the lab drives and inspects the product') },
  {
    name: 'scripts',
    folder: 'scripts',
    mayImport: {
      base: 'docs/errors.md is made from its tables',
      switchboard: 'the trampoline is assembled with the offsets of its layout',
    },
  },
  {
    name: 'tests',
    folder: 'tests',
    mayImport: { ...everyLayerOfSrc('tests may use all'), lab: 'the tests run in the lab' },
  },
];

/** Single imports that the layers forbid and that are right all the same. */
export const EXCEPTIONS = [
  {
    from: 'src/cli/commands/lab.ts',
    to: 'lab/main.ts',
    kind: 'dynamic',
    why: '`torpor lab` is a command of the same CLI, but the lab is not on an installed system: it is loaded when called',
  },
] as const;

const ABOVE_ENGINE = ['machine', 'agent', 'cli', 'lab', 'scripts', 'tests'];
const IN_SYS = 'below machine, and in the doctor, all that is outside the process is reached through Sys';

/** Modules that only some layers may import; unit tests may always use Node's own. */
export const MODULE_OWNERS: Readonly<
  Record<string, { readonly layers: readonly string[]; readonly why: string }>
> = {
  koffi: { layers: ['sys'], why: 'only src/sys calls the kernel' },
  'node:fs': { layers: ['sys', ...ABOVE_ENGINE], why: IN_SYS },
  'node:fs/promises': { layers: ['sys', ...ABOVE_ENGINE], why: IN_SYS },
  'node:child_process': { layers: ['sys', ...ABOVE_ENGINE], why: IN_SYS },
  'age-encryption': { layers: ['bank'], why: 'it wraps the key of a bank, nothing else' },
  'tar-stream': { layers: ['bank'], why: 'archives of snapshots are read and written in one place' },
  commander: { layers: ['cli', 'lab'], why: 'command lines are read in one place' },
  listr2: { layers: ['cli', 'lab'], why: 'progress is shown in one place' },
  'cli-table3': { layers: ['cli', 'lab', 'tests'], why: 'tables are printed in one place' },
  esbuild: { layers: ['lab', 'scripts'], why: 'it is a development dependency' },
  'fast-check': { layers: ['tests'], why: 'it is a development dependency, for tests' },
};

function everyLayerOfSrc(why: string): Record<string, string> {
  const names = [
    'base',
    'sys',
    'filesystem',
    'memory',
    'kernel',
    'switchboard',
    'bank',
    'engine',
    'machine',
    'doctor',
    'agent',
    'cli',
  ];
  return Object.fromEntries(names.map((name) => [name, why]));
}
