/** When a line of the console came, on this host's clock. */
export interface Said {
  readonly atMs: number;
  readonly line: string;
}

/** What the kernel log says at the beginning of each stage of a restore (engine/image), and what came before it. */
const MARKS: readonly (readonly [pattern: RegExp, before: string])[] = [
  [/torpor: restore of \S+: loading /, 'prepare'],
  [/torpor: restore of \S+: freezing /, 'load'],
  [/torpor: restore of \S+: writing /, 'freeze'],
  [/torpor: restore of \S+: jumping/, 'disks'],
  [/torpor: this system is back from /, 'jump'],
];

/**
 * Milliseconds of the stages between two moments. `prepare` is all before the image is loaded, a start of the
 * machine too; `thaw` all behind the jump. What was not said has no stage of its own.
 */
export function stagesOfRestore(
  startMs: number,
  endMs: number,
  said: readonly Said[],
): Readonly<Record<string, number>> {
  const stages: Record<string, number> = {};
  let last = startMs;
  for (const [pattern, before] of MARKS) {
    const found = said.find(({ atMs, line }) => atMs >= last && pattern.test(line));
    if (found === undefined) continue;
    stages[before] = found.atMs - last;
    last = found.atMs;
  }
  stages.thaw = endMs - last;
  return stages;
}
