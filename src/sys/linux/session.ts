import { existsSync, writeFileSync } from 'node:fs';

const ROOT_CGROUP = '/sys/fs/cgroup/cgroup.procs';
const SIGNALS = ['SIGHUP', 'SIGTERM'] as const;
let isSpared = false;

/**
 * Leaves the cgroup by which systemd would end this process with its login session or service, and
 * the signals of a closing terminal.
 */
export function outliveSession(): void {
  if (isSpared) return;
  isSpared = true;
  for (const signal of SIGNALS) process.on(signal, () => {});
  if (existsSync(ROOT_CGROUP)) writeFileSync(ROOT_CGROUP, String(process.pid));
}
