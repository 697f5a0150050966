/** How the witness of one OS is started. */
export interface WitnessSettings {
  readonly os: string;
  readonly memoryMib: number;
  readonly fileKib: number;
  readonly fileCount: number;
  /** On the OS's own disk. */
  readonly fileDirectory: string;
  /** Where the fifos `ask` and `answer` are. */
  readonly fifos: string;
}

/** What the witness says when it is asked. */
export interface WitnessReport {
  /** That of the question. */
  readonly id: string;
  readonly os: string;
  /** Drawn when the witness started; only its memory has it. */
  readonly nonce: string;
  readonly ticks: number;
  /** Round trips of the witness's own TCP connection. */
  readonly echoes: number;
  /** What was found wrong since the last report. */
  readonly damage: readonly string[];
  /** Lines of the kernel log since the last report that a healthy kernel does not say. */
  readonly complaints: readonly string[];
  readonly tainted: number;
  readonly memFreeKib: number;
  readonly memAvailableKib: number;
  readonly realTimeMs: number;
  /** How long the verification took. */
  readonly checkMs: number;
}
