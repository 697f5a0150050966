import { type LabConfig, parseLabConfig } from '../../../lab/config/lab-config.ts';

/** The OS that is saved: the one that the bench of switches hibernates, with the same memory. */
export const SAVED_OS = 'debian12';

export function bankBenchConfig(): LabConfig {
  const text = `[machine]
cpus = 2
monitor-memory = "512M"
bank = "16G"

[[os]]
name = "${SAVED_OS}"
kernel = "6.12"
root = "debian12"
memory = "512M"
`;
  return parseLabConfig(text, 'the configuration of the bench');
}
