import { fileWatch } from './file-watch.ts';
import type { GuestProgram } from './guest-program.ts';
import { heap } from './heap.ts';
import { mappedFile } from './mapped-file.ts';
import { sharedMemory } from './shared-memory.ts';
import { socketPair } from './socket-pair.ts';
import { tcpLoopback } from './tcp-loopback.ts';
import { timerDescriptor } from './timer-descriptor.ts';

/** The programs that run inside an OS in one Node process. */
export const GUEST_PROGRAMS: readonly GuestProgram[] = [
  heap,
  sharedMemory,
  mappedFile,
  timerDescriptor,
  socketPair,
  tcpLoopback,
  fileWatch,
];
