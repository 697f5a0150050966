import { type LabConfig, parseLabConfig, readLabConfig } from '../../lab/config/lab-config.ts';

/** Kernels of two versions, userlands of three kinds, 2 processors. */
const SOAK_CONFIG = `
[machine]
cpus = 2
monitor-memory = "512M"

[[os]]
name = "tiny"
kernel = "6.12"
root = "tiny"
memory = "256M"

[[os]]
name = "debian12"
kernel = "6.12"
root = "debian12"
memory = "512M"

[[os]]
name = "debian13"
kernel = "7.2"
root = "debian13"
memory = "512M"
`;

/** The machine of a soak. Throws E_FILE, E_CONFIG. */
export function soakConfig(file: string | null): LabConfig {
  return file === null ? parseLabConfig(SOAK_CONFIG, 'the configuration of the soak') : readLabConfig(file);
}
