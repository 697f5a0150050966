import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { trimHeap } from '../native.ts';

/**
 * Gives back what this process has had and needs no longer: buffers that wait for a garbage collection, then what the
 * C library keeps for later. After a restore was laid out that is some 150 MiB.
 */
export function releaseMemory(): void {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  collectGarbage();
  trimHeap(0);
}
