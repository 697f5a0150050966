import assert from 'node:assert/strict';
import type { StockMoment } from '../../lab/stock/moment.ts';
import type { ScriptResult } from '../../lab/stock/script-port.ts';
import type { StockMachine } from '../../lab/stock/stock-machine.ts';
import type { Witness } from '../../survival/witness.ts';
import type { DrillTools } from './drill-tools.ts';
import { NAMES, type Which } from './stock-pair.ts';

interface FakeSnapshot {
  readonly which: Which;
  readonly script: string;
  restores: number;
}

/** Who runs, who is parked and what waits on a machine with two stock Debians. What cannot be asked of it then throws. */
export class FakePair {
  running: Which | null = null;
  readonly parked = new Map<Which, string>();
  readonly snapshots = new Map<string, FakeSnapshot>();
  /** In the staging area, for the next start. */
  pending: string | null = null;
  #scripts = 0;
  #switching: { readonly script: string; readonly from: Which; readonly to: string } | null = null;

  /** Only what a drill asks of it. */
  readonly machine = this as unknown as StockMachine;
  readonly tools = {
    prepareOs: async (_machine, which) => {
      assert.equal(this.running, null);
      this.running = which;
      return this.#witness(which);
    },
    leaveMoment: async (_machine, { os }, tag) => {
      const which = this.#here();
      assert.equal(os.name, NAMES[which], 'the witness of another OS');
      const reference = `${os.name}@${tag}`;
      assert.ok(!this.snapshots.has(reference));
      const script = this.#newScript();
      this.snapshots.set(reference, { which, script, restores: 0 });
      const moment: StockMoment = { reference, script, memory: new Map(), bootId: 'b', laterTicks: 1 };
      return { moment, answer: { outcome: 'saved', pausedMs: 1, saved: { totalMs: 1 } }, totalMs: 1 };
    },
    requireMoment: async (_machine, { os }, { reference }) => {
      assert.deepEqual([os.name, this.snapshots.get(reference)?.which], [NAMES[this.#here()], this.running]);
    },
    installInitramfs: async () => ({ release: 'r', sha256: 's' }),
    must: async (_machine, script) => {
      this.#here();
      const pending = / restore (\S+) --at-boot/.exec(script)?.[1];
      if (pending !== undefined) this.pending = pending;
      const removed = / rm (\S+)/.exec(script)?.[1];
      for (const reference of [pending, removed])
        assert.ok(reference === undefined || this.snapshots.has(reference), script);
      if (removed !== undefined) this.snapshots.delete(removed);
      return '';
    },
    stopInOrder: async (_machine, { os }) => {
      assert.equal(os.name, NAMES[this.#here()]);
      this.running = null;
    },
  } satisfies DrillTools;

  watchConsole(): void {}

  begin(script: string): { readonly id: string; readonly result: Promise<ScriptResult> } {
    const from = this.#here();
    const id = this.#newScript();
    const target = / switch (\S+)/.exec(script)?.[1];
    if (target === undefined) {
      this.parked.set(from, id);
      this.running = null;
    } else this.#switching = { script: id, from, to: target };
    return { id, result: new Promise(() => {}) };
  }

  async arrive(script: string): Promise<ScriptResult> {
    const { from, to, script: left } = this.#switching!;
    this.parked.set(from, left);
    if (to.includes('@')) return this.#restore(to, script);
    this.#resume(NAMES.indexOf(to as 'debian12') as Which, script);
    return this.#answer({ os: to, from: NAMES[from] });
  }

  async replaceBy(script: string, command: string): Promise<ScriptResult> {
    this.#here();
    return this.#restore(/ restore (\S+)/.exec(command)![1]!, script);
  }

  async powerOnInto(script: string, which: Which): Promise<ScriptResult> {
    assert.equal(this.running, null, 'it is on');
    const { pending } = this;
    this.pending = null;
    if (pending === null) {
      this.#resume(which, script);
      return this.#answer({ os: NAMES[which], from: null });
    }
    assert.equal(this.snapshots.get(pending)?.which, which, 'a restore of the other OS waits');
    return this.#restore(pending, script);
  }

  async off(): Promise<void> {
    assert.equal(this.running, null);
  }

  async cut(): Promise<void> {
    this.running = null;
  }

  async adoptInitrd(): Promise<void> {
    assert.equal(this.running, null);
  }

  #here(): Which {
    assert.ok(this.running !== null, 'it is off');
    return this.running;
  }

  #newScript(): string {
    this.#scripts += 1;
    return `s${this.#scripts}`;
  }

  #resume(which: Which, script: string): void {
    assert.equal(this.parked.get(which), script, 'it is not parked there');
    this.parked.delete(which);
    this.running = which;
  }

  #restore(reference: string, script: string): ScriptResult {
    const snapshot = this.snapshots.get(reference);
    assert.equal(snapshot?.script, script);
    snapshot.restores += 1;
    this.parked.delete(snapshot.which);
    this.running = snapshot.which;
    return this.#answer({ outcome: 'restored', reference, generation: snapshot.restores });
  }

  #answer(answer: object): ScriptResult {
    return { status: 0, output: JSON.stringify({ stagesMs: {}, warnings: [], ...answer }) };
  }

  #witness(which: Which): Witness {
    const verify = async (): Promise<void> => assert.equal(this.running, which, 'another OS runs');
    const nothing = async (): Promise<void> => {};
    const rest = { prepare: nothing, kill: nothing, verify, skipped: [] };
    return { os: { name: NAMES[which] }, bootId: 'b', ...rest } as unknown as Witness;
  }
}
