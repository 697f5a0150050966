import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { TorporError } from '../../base/errors.ts';
import { allocate, lastErrno, syscall } from '../native.ts';
import { SYSTEM_CALL } from './call.ts';
import { failure } from './file-call.ts';

/** What mount(8) keeps of a mount beyond what the kernel knows: `SRC=… TARGET=/place …`, a mount a line. */
const NOTES = '/run/mount/utab';

/** By mount(8): it knows what the options' names mean. */
export function mount(source: string, place: string, type: string, options: string): void {
  run('mount', place, ['-t', type, '-o', options, source, place]);
}

/** By the kernel; by umount(8), which takes much longer to start, where there is something to be undone beside it. */
export function unmount(place: string): void {
  if (isNoted(place)) {
    run('umount', place, [place]);
    return;
  }
  const path = allocate(Buffer.byteLength(place) + 1);
  try {
    path.bytes.set(Buffer.from(place));
    // SAFETY: the kernel reads the path to its zero byte, and has done so when the call returns.
    if (syscall(SYSTEM_CALL.umount2, path.address, 0, 0, 0, 0, 0) < 0)
      throw failure('umount', place, lastErrno());
  } finally {
    path.unmap();
  }
}

/** Whether mount(8) keeps anything of what is mounted there. */
function isNoted(place: string): boolean {
  try {
    // Blanks in it are written as octal numbers (mangle() of libmount).
    const name = place.replace(
      /[ \t\n\\]/g,
      (letter) => `\\${letter.charCodeAt(0).toString(8).padStart(3, '0')}`,
    );
    return readFileSync(NOTES, 'utf8').split(/\s/).includes(`TARGET=${name}`);
  } catch {
    return false;
  }
}

function run(program: string, path: string, args: readonly string[]): void {
  const ended = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  if (ended.status === 0) return;
  const said = (ended.stderr ?? ended.error?.message ?? '').trim().split('\n')[0]!;
  throw new TorporError('E_SYSCALL', `${program} of ${path} failed: ${said}`, {
    facts: { call: program, path, errno: /busy/.test(said) ? 'EBUSY' : 'unknown', said },
  });
}
