import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FakeKernel } from './fake-kernel.fixture.ts';
import { dataOf, fakeKernelWithData, HEAP, SYMBOL } from './kernel-data.fixture.ts';
import { readKernelIdentity } from './kernel-identity.ts';
import { findKernelLogFacts } from './kernel-log-facts.ts';

const BOOTED_MS = 1_795_454_079_097;

function kernelOf(): FakeKernel {
  const kernel = fakeKernelWithData();
  kernel.write(SYMBOL.linux_banner, Buffer.from('Linux version 6.12.1 (somebody)\n\0'));
  // Ends with its page: what lies behind is not mapped.
  kernel.writeU64(SYMBOL.saved_command_line, HEAP + 4096n - 6n);
  kernel.write(HEAP + 4096n - 6n, Buffer.from('quiet\0'));
  kernel.note.set('SYMBOL(init_uts_ns)', (HEAP + 0x4000n).toString(16));
  kernel.note.set('OFFSET(uts_namespace.name)', '8');
  kernel.write(HEAP + 0x4008n + 65n, Buffer.from('frozen\0'));
  const timekeeper = SYMBOL.tk_core + 8n;
  kernel.writeU64(timekeeper + 8n, (250_000_000n << 8n) | 17n);
  kernel.writeU32(timekeeper + 16n, 8);
  kernel.writeU64(timekeeper + 32n, 1_795_454_085n);
  kernel.writeU64(timekeeper + 40n, BigInt(BOOTED_MS + 5000) * 1_000_000n);
  kernel.writeU64(timekeeper + 48n, 5_000_000_000n);
  return kernel;
}

describe('readKernelIdentity', () => {
  it('reads all of it', () => {
    assert.deepEqual(readKernelIdentity(dataOf(kernelOf())), {
      release: '6.12.1',
      banner: 'Linux version 6.12.1 (somebody)',
      hostName: 'frozen',
      commandLine: 'quiet',
      bootedMs: BOOTED_MS,
      stoppedMs: 1_795_454_085_250,
      unknown: [],
    });
  });

  it('says what is not to be found, and reads the rest', () => {
    const kernel = kernelOf();
    kernel.writeU64(SYMBOL.saved_command_line, 0n);
    kernel.writeU64(SYMBOL.tk_core + 8n + 32n, 2n ** 63n - 1n);
    kernel.note.delete('SYMBOL(init_uts_ns)');
    const identity = readKernelIdentity(dataOf(kernel));
    assert.deepEqual(
      { ...identity, unknown: identity.unknown.map((line) => line.split(':')[0]) },
      {
        release: '6.12.1',
        banner: 'Linux version 6.12.1 (somebody)',
        hostName: null,
        commandLine: null,
        bootedMs: null,
        stoppedMs: null,
        unknown: ['start time', 'host name', 'command line'],
      },
    );
  });
});

describe('findKernelLogFacts', () => {
  const record = (seconds: number, text: string, facility = 0) => ({
    seq: 0n,
    timestampNs: BigInt(seconds * 1e9),
    level: 6,
    facility,
    text,
  });

  it('believes the lines of the kernel only', () => {
    const records = [
      record(0, 'Linux version 7.2.12 (torpor@lab)'),
      record(0, 'Kernel command line: quiet splash'),
      record(2.5, 'rtc_cmos PNP0B00:00: setting system clock to 2026-11-23T17:03:36 UTC (1795453416)'),
    ];
    assert.deepEqual(findKernelLogFacts(records), {
      banner: 'Linux version 7.2.12 (torpor@lab)',
      commandLine: 'quiet splash',
      bootedMs: 1_795_453_413_500,
    });
    const forged = records.map((line) => ({ ...line, facility: 1 }));
    assert.deepEqual(findKernelLogFacts(forged), { banner: null, commandLine: null, bootedMs: null });
  });
});
