/** A named step of something long, for progress and times. */
export interface Stage {
  readonly title: string;
  /** `report` gets what happens now, in a few words. */
  run(report: (text: string) => void): Promise<void>;
}
