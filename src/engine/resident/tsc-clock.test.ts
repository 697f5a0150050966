import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeSys } from '../../sys/fake.ts';
import { tscPerMs } from './tsc-clock.ts';

/** A processor of 2 GHz whose program now and then loses it between two looks. */
class InterruptedSys extends FakeSys {
  #ns = 0n;
  #looks = 0;
  readonly #lossNs: (look: number) => bigint;

  constructor(lossNs: (look: number) => bigint) {
    super();
    this.#lossNs = lossNs;
  }

  override monotonicNs(): bigint {
    return this.#look();
  }

  override readTsc(): bigint {
    return this.#look() * 2n;
  }

  #look(): bigint {
    this.#looks += 1;
    this.#ns += 10_000n + this.#lossNs(this.#looks);
    return this.#ns;
  }
}

const PER_MS = 2_000_000;

test('the rate of an undisturbed processor', () => {
  assert.equal(tscPerMs(new InterruptedSys(() => 0n)), PER_MS);
});

for (const every of [4, 5, 7]) {
  test(`losing the processor for 20 ms at every ${every}th look changes little`, () => {
    const rate = tscPerMs(new InterruptedSys((look) => (look % every === 0 ? 20_000_000n : 0n)));
    assert.ok(Math.abs(rate / PER_MS - 1) < 0.01, `${rate}`);
  });
}
