/** One thing that was done and verified, as the journal keeps it. */
export interface StockStep {
  /** Of its round; 0: the preparation. */
  readonly round: number;
  readonly kind: 'snapshot' | 'restore' | 'switch';
  /** Of a restore: where from. */
  readonly way: string | null;
  /** Who runs after it. */
  readonly os: string;
  /** By this host's clock, from the command until it has answered. */
  readonly totalMs: number;
  /** Of it, by the systems' own clocks where they tell. */
  readonly stagesMs: Readonly<Record<string, number>>;
  /** The verification after it. */
  readonly verifyMs: number;
}

/** `restore, power cut` */
export function nameOfStep({ kind, way }: StockStep): string {
  return way === null ? kind : `${kind}, ${way}`;
}
