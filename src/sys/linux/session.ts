import { existsSync, writeFileSync } from 'node:fs';

const ROOT_CGROUP = '/sys/fs/cgroup/cgroup.procs';
const SIGNALS = ['SIGHUP', 'SIGTERM'] as const;

/**
 * Leaves the cgroup by which systemd would end this process with its login session or service, and
 * the signals of a closing terminal.
 */
export function outliveSession(): void {
  for (const signal of SIGNALS) process.on(signal, () => {});
  if (existsSync(ROOT_CGROUP)) writeFileSync(ROOT_CGROUP, String(process.pid));
}

export function holdSignals(): () => void {
  const came = new Set<(typeof SIGNALS)[number]>();
  const listeners = SIGNALS.map((signal) => ({ signal, listener: () => void came.add(signal) }));
  for (const { signal, listener } of listeners) process.on(signal, listener);
  return () => {
    for (const { signal, listener } of listeners) process.off(signal, listener);
    for (const signal of came) process.kill(process.pid, signal);
  };
}
