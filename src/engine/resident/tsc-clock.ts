import type { Sys } from '../../sys/sys.ts';

const SPINS = 3;
const SPIN_NS = 5_000_000n;
const LOOKS = 5;

const known = new WeakMap<Sys, number>();

/**
 * TSC ticks a millisecond. Measured against the monotonic clock over three short spins; the
 * smallest is taken, because a switch of OSes within a spin stops the clock but not the TSC.
 */
export function tscPerMs(sys: Sys): number {
  const cached = known.get(sys);
  if (cached !== undefined) return cached;
  const rates = Array.from({ length: SPINS }, () => {
    const start = readBoth(sys);
    while (sys.monotonicNs() - start.ns < SPIN_NS);
    const end = readBoth(sys);
    return (Number(end.tsc - start.tsc) / Number(end.ns - start.ns)) * 1e6;
  });
  const rate = Math.min(...rates);
  known.set(sys, rate);
  return rate;
}

/**
 * Both clocks at one moment: the look at the TSC that has the least time around it. Whoever is
 * interrupted between the two clocks, for milliseconds on a busy machine, sees two moments.
 */
function readBoth(sys: Sys): { readonly tsc: bigint; readonly ns: bigint } {
  const looks = Array.from({ length: LOOKS }, () => {
    const before = sys.monotonicNs();
    const tsc = sys.readTsc();
    const widthNs = sys.monotonicNs() - before;
    return { tsc, ns: before + widthNs / 2n, widthNs };
  });
  return looks.reduce((best, look) => (look.widthNs < best.widthNs ? look : best));
}
