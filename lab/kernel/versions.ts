/** A kernel that the lab builds from a Debian source package. */
export interface KernelVersion {
  /** The Debian binary package that carries the source. */
  readonly package: string;
  /** Where to look, in this order: a package leaves a suite when the next version comes. */
  readonly suites: readonly [string, ...string[]];
  /** Lines beyond lab.config. */
  readonly config: readonly string[];
  /** Options of lab.config that this version does not have → why. */
  readonly lacks: Readonly<Record<string, string>>;
  /** Objects that a build makes, for its progress. */
  readonly objectCount: number;
}

export const KERNEL_VERSIONS = {
  '6.1': {
    package: 'linux-source-6.1',
    suites: ['bookworm', 'bookworm-backports'],
    config: ['CONFIG_PREEMPT_VOLUNTARY=y'],
    lacks: { HID_SUPPORT: 'the menu came later; HID itself is not behind one here' },
    objectCount: 1550,
  },
  '6.12': {
    package: 'linux-source-6.12',
    suites: ['trixie', 'bookworm-backports'],
    config: ['CONFIG_PREEMPT_VOLUNTARY=y'],
    lacks: {},
    objectCount: 1700,
  },
  '7.2': {
    package: 'linux-source-7.2',
    suites: ['trixie-backports', 'forky', 'sid'],
    config: ['CONFIG_PREEMPT_LAZY=y'],
    lacks: {},
    objectCount: 1850,
  },
} as const satisfies Record<string, KernelVersion>;

export type KernelVersionName = keyof typeof KERNEL_VERSIONS;
export const KERNEL_VERSION_NAMES = Object.keys(KERNEL_VERSIONS) as KernelVersionName[];
