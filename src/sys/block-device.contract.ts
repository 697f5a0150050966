import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../base/errors.fixture.ts';
import type { BlockDevice, BlockDeviceMode } from './block-device.ts';

/** What every implementation of BlockDevice does; `open` gives a device of 64 KiB of the byte 7. */
export function describeBlockDevice(
  name: string,
  open: (mode: BlockDeviceMode) => { device: BlockDevice; path: string },
): void {
  const check = (what: string, mode: BlockDeviceMode, body: (device: BlockDevice) => void): void => {
    test(`${name}: ${what}`, () => {
      const { device, path } = open(mode);
      assert.equal(device.path, path);
      try {
        body(device);
      } finally {
        device.close();
        device.close();
      }
    });
  };
  const read = (device: BlockDevice, offset: number, length: number): number[] => {
    const into = new Uint8Array(length);
    device.read(offset, into);
    return [...into];
  };

  check('it has a size and is read at any byte', 'read', (device) => {
    assert.equal(device.sizeBytes, 65_536);
    assert.deepEqual(read(device, 1, 3), [7, 7, 7]);
    assert.deepEqual(read(device, 65_535, 1), [7]);
  });

  check(
    'transfers that were begun are done when they are waited for, in any order, once',
    'write',
    (device) => {
      const [first, second] = [Buffer.alloc(4096, 1), Buffer.alloc(8192, 2)];
      const ends = [device.beginWrite(0, first), device.beginWrite(16_384, second)];
      for (const end of ends.toReversed()) end();
      device.sync();
      const [there, behind] = [Buffer.alloc(4096), Buffer.alloc(4096)];
      const waits = [device.beginRead(0, there), device.beginRead(20_480, behind)];
      for (const wait of [...waits, ...waits]) wait();
      assert.deepEqual([there[4095], behind[0], read(device, 4096, 1)[0]], [1, 2, 7]);
    },
  );

  check('a transfer that leaves the device fails', 'write', (device) => {
    for (const begin of [device.beginRead, device.beginWrite]) {
      const { facts } = failure('E_SYSCALL', () => begin(61_440, Buffer.alloc(8192))());
      assert.equal(facts.errno, 'ERANGE');
    }
  });

  check('what is written is read, and nothing else changes', 'write', (device) => {
    device.write(4096, Uint8Array.of(1, 2, 3));
    device.sync();
    device.dropCache();
    assert.deepEqual(read(device, 4095, 5), [7, 1, 2, 3, 7]);
  });

  check('a range is made zero', 'write', (device) => {
    device.zero(512, 8192);
    device.zero(0, 0);
    assert.deepEqual(read(device, 511, 2), [7, 0]);
    assert.ok(read(device, 512, 8192).every((byte) => byte === 0));
    assert.deepEqual(read(device, 8703, 2), [0, 7]);
  });

  check('a read or write that leaves the device is refused whole', 'write', (device) => {
    for (const [call, action] of [
      ['read', () => read(device, 65_535, 2)],
      ['write', () => device.write(65_535, Uint8Array.of(1, 2))],
      ['write', () => device.write(-1, Uint8Array.of(1, 2))],
    ] as const) {
      const { facts } = failure('E_SYSCALL', action);
      assert.deepEqual(facts, { call, path: device.path, errno: 'ERANGE' });
    }
    assert.deepEqual(read(device, 65_535, 1), [7]);
  });

  check('one that is opened for reading is not written', 'read', (device) => {
    const { facts } = failure('E_SYSCALL', () => device.write(0, Uint8Array.of(1)));
    assert.equal(facts.errno, 'EBADF');
    assert.deepEqual(read(device, 0, 1), [7]);
  });
}
