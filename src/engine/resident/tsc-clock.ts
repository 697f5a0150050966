import type { Sys } from '../../sys/sys.ts';

const SPINS = 3;
const SPIN_NS = 5_000_000n;

const known = new WeakMap<Sys, number>();

/**
 * TSC ticks a millisecond. Measured against the monotonic clock over three short spins; the
 * smallest is taken, because a switch of OSes within a spin stops the clock but not the TSC.
 */
export function tscPerMs(sys: Sys): number {
  const cached = known.get(sys);
  if (cached !== undefined) return cached;
  const rates = Array.from({ length: SPINS }, () => {
    const startNs = sys.monotonicNs();
    const startTsc = sys.readTsc();
    let elapsedNs = 0n;
    while (elapsedNs < SPIN_NS) elapsedNs = sys.monotonicNs() - startNs;
    return (Number(sys.readTsc() - startTsc) / Number(elapsedNs)) * 1e6;
  });
  const rate = Math.min(...rates);
  known.set(sys, rate);
  return rate;
}
