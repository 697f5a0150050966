/** One step of a build: what happens now and, where it is known, how far it is. */
export interface BuildStep {
  readonly step: string;
  readonly done?: number;
  /** An estimate; `done` may end below or above it. */
  readonly total?: number;
}

export type ReportBuild = (step: BuildStep) => void;

export const reportNothing: ReportBuild = () => {};
