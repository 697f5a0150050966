/** How long the stages of something take, in ms. What is done in two parts counts once, with both. */
export class StageTimes<Name extends string> {
  readonly ms: Partial<Record<Name, number>> = {};

  run<T>(name: Name, action: () => T): T {
    const startMs = performance.now();
    try {
      return action();
    } finally {
      this.ms[name] = (this.ms[name] ?? 0) + performance.now() - startMs;
    }
  }

  /** As if they had never been. */
  forget(names: Iterable<Name>): void {
    for (const name of names) delete this.ms[name];
  }
}
