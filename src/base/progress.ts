/** How far a long operation is: one stage of it, its rate, and the time that is left. */
export interface Progress {
  readonly stage: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Over the last seconds; 0 as long as nothing is done. */
  readonly rateBytesPerS: number;
  /** null as long as it cannot be told. */
  readonly remainingS: number | null;
}

export type OnProgress = (progress: Progress) => void;

/** Not more often than this does a meter report, apart from its first and its last report. */
const INTERVAL_MS = 100;
/** The rate is that of this time. */
const WINDOW_MS = 5000;

/** Counts the bytes of one stage and reports them now and then. */
export class ProgressMeter {
  readonly #stage: string;
  readonly #onProgress: OnProgress | undefined;
  readonly #now: () => number;
  #totalBytes: number;
  #doneBytes = 0;
  #reportedMs: number;
  /** Samples within the window, oldest first. */
  readonly #samples: { ms: number; doneBytes: number }[];

  /** Reports 0 bytes at once. `totalBytes` may be an estimate. */
  constructor(
    stage: string,
    totalBytes: number,
    onProgress?: OnProgress,
    now: () => number = () => performance.now(),
  ) {
    this.#stage = stage;
    this.#totalBytes = totalBytes;
    this.#onProgress = onProgress;
    this.#now = now;
    this.#reportedMs = now();
    this.#samples = [{ ms: this.#reportedMs, doneBytes: 0 }];
    this.#report(this.#reportedMs);
  }

  add(bytes: number): void {
    this.#doneBytes += bytes;
    if (this.#onProgress === undefined) return;
    const now = this.#now();
    if (now - this.#reportedMs >= INTERVAL_MS) this.#report(now);
  }

  /** Reports all of it as done. */
  finish(): void {
    this.#totalBytes = this.#doneBytes;
    this.#report(this.#now());
  }

  #report(now: number): void {
    if (this.#onProgress === undefined) return;
    this.#reportedMs = now;
    while (this.#samples.length > 1 && this.#samples[1]!.ms <= now - WINDOW_MS) this.#samples.shift();
    const first = this.#samples[0]!;
    const rate = now > first.ms ? ((this.#doneBytes - first.doneBytes) * 1000) / (now - first.ms) : 0;
    this.#samples.push({ ms: now, doneBytes: this.#doneBytes });
    const totalBytes = Math.max(this.#totalBytes, this.#doneBytes);
    this.#onProgress({
      stage: this.#stage,
      doneBytes: this.#doneBytes,
      totalBytes,
      rateBytesPerS: rate,
      remainingS: rate > 0 ? (totalBytes - this.#doneBytes) / rate : null,
    });
  }
}
