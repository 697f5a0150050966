/** A kernel configuration: option without `CONFIG_` → value; options that are off are not in it. */
export type KernelConfig = ReadonlyMap<string, string>;

/** An option that a built configuration does not have as it was wanted. */
export interface UnmetOption {
  readonly option: string;
  readonly wanted: string;
  readonly got: string;
}

/** Parses a `.config` or a fragment of one. A later line wins; `=n` and `is not set` are both off. */
export function parseConfig(text: string): Map<string, string> {
  const config = new Map<string, string>();
  for (const line of text.split('\n')) {
    const off = /^# CONFIG_(\w+) is not set$/.exec(line);
    const match = off ?? /^CONFIG_(\w+)=(.+)$/.exec(line.trim());
    if (match !== null) config.set(match[1]!, off === null ? match[2]! : 'n');
  }
  return config;
}

/**
 * Every wanted option that is not in effect: Kconfig drops silently what a kernel does not know or
 * what lacks a dependency. `exempt` names options that this kernel cannot have.
 */
export function checkConfig(
  wanted: KernelConfig,
  effective: KernelConfig,
  exempt: ReadonlySet<string> = new Set(),
): UnmetOption[] {
  const unmet: UnmetOption[] = [];
  for (const [option, value] of wanted) {
    const got = effective.get(option) ?? 'n';
    if (got !== value && !exempt.has(option)) unmet.push({ option, wanted: value, got });
  }
  return unmet;
}
