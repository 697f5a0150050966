import { SURVIVAL_PROGRAMS } from '../../survival/registry.ts';
import type { SeededRandom } from '../random.ts';

/** How a snapshot comes back: of this OS, of this OS but not its newest, or of the other OS, maybe with this one parked. */
export type Way =
  | 'in place'
  | 'power cut'
  | 'older'
  | 'other'
  | 'other, this one parked'
  | 'other after a power cut';

export interface Round {
  /** From 1 on. */
  readonly number: number;
  readonly way: Way;
  /** The programs that are verified in it; null: all. */
  readonly programs: readonly string[] | null;
}

/** With them, so many of 20 rounds. */
const SHARES: readonly (readonly [Way, number])[] = [
  ['in place', 6],
  ['power cut', 6],
  ['older', 2],
  ['other', 2],
  ['other, this one parked', 2],
  ['other after a power cut', 2],
];
const WAYS = SHARES.flatMap(([way, share]) => Array<Way>(share).fill(way));

/** They never rest, and a processor that is emulated has nothing to spare: they run only in rounds with all programs. */
export const BUSY: readonly string[] = ['computation', 'compilation'];
/** Memory, a file in RAM, a database in mid-transaction, a pipe. */
const ALWAYS: readonly string[] = ['nonce', 'tmpfs-file', 'sqlite', 'pipe-in-flight'];
const SOMETIMES = SURVIVAL_PROGRAMS.map(({ id }) => id).filter(
  (id) => !BUSY.includes(id) && !ALWAYS.includes(id),
);
const DRAWN = 3;
/** An odd number: the rounds with all programs come to both OSes in turn. */
const ALL_EVERY = 9;

/** All is drawn in any case, so that rounds depend on nothing but the seed. */
export function drawRound(random: SeededRandom, number: number): Round {
  const way = random.pick(WAYS);
  const drawn = Array.from({ length: DRAWN }, () => random.pick(SOMETIMES));
  return { number, way, programs: number % ALL_EVERY === 0 ? null : [...ALWAYS, ...new Set(drawn)] };
}
