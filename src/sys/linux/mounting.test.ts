import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { failure } from '../../base/errors.fixture.ts';
import { mount, unmount } from './mounting.ts';

const isMounted = (place: string): boolean =>
  readFileSync('/proc/self/mounts', 'utf8').includes(` ${place.replaceAll(' ', String.raw`\040`)} `);

/** A place where something is mounted; null, and the test is skipped, where nothing can be. */
function mountSomething(t: TestContext, options: string): string | null {
  const place = mkdtempSync(join(tmpdir(), 'torpor mount-'));
  t.after(() => rmdirSync(place));
  try {
    mount('torpor', place, 'tmpfs', options);
  } catch {
    t.skip('nothing can be mounted here: it takes root');
    return null;
  }
  return place;
}

for (const [what, options] of [
  ['known to the kernel alone', 'rw,size=64k'],
  ['that mount(8) keeps a note of', 'rw,size=64k,x-torpor.test'],
] as const) {
  test(`a mount ${what} is undone; while a file is open, EBUSY`, (t) => {
    const place = mountSomething(t, options);
    if (place === null) return;
    const fd = openSync(join(place, 'open'), 'w');
    assert.equal(failure('E_SYSCALL', () => unmount(place)).facts.errno, 'EBUSY');
    closeSync(fd);
    assert.ok(isMounted(place));
    unmount(place);
    assert.ok(!isMounted(place));
  });
}
