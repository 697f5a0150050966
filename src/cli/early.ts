import { restoreAtBoot } from './restore-pending.ts';

// The program of an initramfs made from a checkout (boot/copy-program): it has few of the packages.
process.exit(restoreAtBoot());
