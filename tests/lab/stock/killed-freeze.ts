/**
 * Runs in a stock system, under bin/guard: a process that is killed while everything else is frozen, with an image
 * made. The system has to go on, and its filesystem to take writes.
 */
import { freezeGuarded } from '../../../src/engine/image/guarded-freeze.ts';
import { openLinuxImage } from '../../../src/sys/linux/image-sys.ts';

const sys = openLinuxImage();
sys.runAlone(() => {
  const snapshot = sys.openSnapshotDevice('take');
  snapshot.freeze();
  freezeGuarded(sys, ['/']);
  snapshot.createImage();
  process.kill(process.pid, 'SIGKILL');
});
