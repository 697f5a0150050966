/**
 * Runs in a stock system, under bin/guard: a process that runs alone allocates as fast as it can, with everything else frozen,
 * before the image is made, while it is read, and until the system is thawed. Its garbage collector must
 * not wait for a thread that is frozen too.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { openLinuxImage } from '../../../src/sys/linux/image-sys.ts';

const sys = openLinuxImage();
console.log(JSON.stringify(sys.runAlone(stress)));

function stress(): object {
  const threads = readdirSync('/proc/self/task').map((id) =>
    readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim(),
  );
  const buffer = sys.allocatePages(1 << 20);
  sys.lockMemory();
  const snapshot = sys.openSnapshotDevice('take');
  let [pages, kept] = [0, 0];
  try {
    snapshot.freeze();
    kept += allocate(60_000);
    if (snapshot.createImage() === 'taken') {
      kept += allocate(60_000);
      for (;;) {
        const count = snapshot.read(buffer);
        if (count === 0) break;
        pages += count / 4096;
        kept += allocate(200);
      }
      snapshot.free();
      kept += allocate(20_000);
    }
    snapshot.thaw();
  } finally {
    snapshot.close();
  }
  return { threads, pages, kept };
}

/** Short-lived and longer-lived objects: scavenges, and marking of what survives them. */
function allocate(objects: number): number {
  const kept: object[] = [];
  for (let index = 0; index < objects; index += 1) {
    const object = { index, text: 'x'.repeat(index % 50) + index, list: new Array(20).fill(index) };
    if (index % 10 === 0) kept.push(object);
    if (kept.length > 3000) kept.length = 0;
  }
  return kept.length;
}
