import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asTorporError, failure } from '../base/errors.fixture.ts';
import { rangeOf } from '../base/ranges.ts';
import { PAGE_BYTES } from '../base/units.ts';
import type { Sys } from './sys.ts';

/** What a kernel under the contract offers to be looked at. */
export interface SysSample {
  readonly sys: Sys;
  /** A directory that holds exactly the files `a` (“one\ntwo\n”) and `b` and the directory `c` with a file. */
  readonly directory: string;
  /** A path at which reading fails although something is there. */
  readonly unreadable: string;
  /** A path at which nothing can be written. */
  readonly unwritable: string;
  /** A link that points to `target`. */
  readonly link: string;
  readonly target: string;
}

/** What every implementation of Sys does; nothing here changes a machine or needs root. */
export function describeSys(name: string, open: () => SysSample): void {
  const check = (what: string, body: (sample: SysSample) => void): void => {
    test(`${name}: ${what}`, () => body(open()));
  };

  check('a missing file is null, a missing directory empty', ({ sys, directory }) => {
    const missing = `${directory}/missing`;
    assert.equal(sys.readTextFile(missing), null);
    assert.equal(sys.readBinaryFile(missing), null);
    assert.equal(sys.readFileRange(missing, 0n, 8), null);
    assert.equal(sys.readLink(missing), null);
    assert.deepEqual(sys.listDirectory(missing), []);
  });

  check('a file is read as text, as bytes and in part', ({ sys, directory }) => {
    assert.equal(sys.readTextFile(`${directory}/a`), 'one\ntwo\n');
    const text = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString();
    assert.equal(text(sys.readBinaryFile(`${directory}/a`)), 'one\ntwo\n');
    assert.equal(text(sys.readFileRange(`${directory}/a`, 4n, 3)), 'two');
    assert.equal(text(sys.readFileRange(`${directory}/a`, 4n, 100)), 'two\n');
    assert.equal(text(sys.readFileRange(`${directory}/a`, 100n, 4)), '');
  });

  check('a directory is listed in order', ({ sys, directory }) => {
    assert.deepEqual(sys.listDirectory(directory), ['a', 'b', 'c']);
  });

  check('an action that runs first gives its result and its failure', ({ sys }) => {
    assert.equal(
      sys.runFirst(() => 7),
      7,
    );
    assert.throws(
      () =>
        sys.runFirst(() => {
          throw new RangeError('x');
        }),
      RangeError,
    );
  });

  check('a link is read', ({ sys, link, target }) => {
    assert.equal(sys.readLink(link), target);
  });

  check('what is written is read', ({ sys, directory }) => {
    sys.writeTextFile(`${directory}/b`, 'new\n');
    assert.equal(sys.readTextFile(`${directory}/b`), 'new\n');
  });

  check('a failing call says which call, path and errno', ({ sys, unreadable, unwritable }) => {
    const calls = [
      ['read', unreadable, () => sys.readTextFile(unreadable)],
      ['read', unreadable, () => sys.readBinaryFile(unreadable)],
      ['write', unwritable, () => sys.writeTextFile(unwritable, 'x')],
    ] as const;
    for (const [call, path, action] of calls) {
      const { facts } = failure('E_SYSCALL', action);
      assert.deepEqual({ call: facts.call, path: facts.path }, { call, path });
      assert.match(String(facts.errno), /^E[A-Z0-9]+$/);
    }
  });

  check('the kernel has a release and a log of lines', ({ sys }) => {
    assert.match(sys.kernelRelease(), /^\d+\.\d+/);
    assert.ok(sys.readKernelLog().every((line) => !line.includes('\n')));
  });

  check('both clocks go forward', ({ sys }) => {
    const tsc = [sys.readTsc(), sys.readTsc(), sys.readTsc()];
    assert.ok(tsc[0]! < tsc[1]! && tsc[1]! < tsc[2]!, tsc.join(' '));
    const start = sys.monotonicNs();
    assert.ok(sys.monotonicNs() >= start);
  });

  test(`${name}: without rights physical memory is E_NOT_ROOT or E_NO_DEVMEM`, (context) => {
    const { sys } = open();
    if (
      sys.effectiveUid() === 0 &&
      sys.readLink('/proc/self/exe') !== null &&
      sys.listDirectory('/dev').includes('mem')
    )
      return context.skip('root has /dev/mem here, and a test does not map it');
    const error = asTorporError(() => sys.mapPhysical(rangeOf(0x10_0000, PAGE_BYTES)));
    assert.ok(error.code === 'E_NOT_ROOT' || error.code === 'E_NO_DEVMEM', error.code);
    assert.match(String(error.facts.errno), /^E[A-Z]+$/);
  });
}
