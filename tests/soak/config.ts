import { DEFAULT_CONFIG } from '../../lab/config/default-config.ts';
import { type LabConfig, parseLabConfig, readLabConfig } from '../../lab/config/lab-config.ts';

/** The machine of a soak. Throws E_FILE, E_CONFIG. */
export function soakConfig(file: string | null): LabConfig {
  return file === null ? parseLabConfig(DEFAULT_CONFIG) : readLabConfig(file);
}
