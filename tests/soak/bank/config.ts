import { type LabConfig, parseLabConfig, readLabConfig } from '../../../lab/config/lab-config.ts';

/** A small OS and a whole Debian, on different kernels. */
const BANK_SOAK_CONFIG = `[machine]
cpus = 2

[[os]]
name = "tiny"
kernel = "7.2"
root = "tiny"
memory = "256M"

[[os]]
name = "debian12"
kernel = "6.12"
root = "debian12"
memory = "512M"
`;

/** Throws E_FILE, E_CONFIG. */
export function bankSoakConfig(file: string | null): LabConfig {
  if (file !== null) return readLabConfig(file);
  return parseLabConfig(BANK_SOAK_CONFIG, 'the configuration of the soak');
}
