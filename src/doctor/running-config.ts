import { gunzipSync } from 'node:zlib';
import type { Sys } from '../sys/sys.ts';
import { orNull, readIfAllowed } from './if-allowed.ts';

/** The configuration that the running kernel was built with. */
export interface RunningConfig {
  /** The file it was read from. */
  readonly source: string;
  /** `y`, `m`, another value, or null when the option is not set. */
  value(option: string): string | null;
}

const LIMIT_BYTES = 8 * 1024 * 1024;

/**
 * /proc/config.gz (CONFIG_IKCONFIG_PROC), else what distributions install beside the kernel. Null
 * when none of them can be read.
 */
export function readRunningConfig(sys: Sys): RunningConfig | null {
  const packed = orNull(() => sys.readBinaryFile('/proc/config.gz'));
  if (packed !== null) return parse('/proc/config.gz', unpack(packed));
  const release = sys.kernelRelease();
  for (const path of [
    `/boot/config-${release}`,
    `/usr/lib/modules/${release}/config`,
    `/lib/modules/${release}/config`,
  ]) {
    const text = readIfAllowed(sys, path);
    if (text !== null) return parse(path, text);
  }
  return null;
}

function unpack(packed: Uint8Array): string {
  try {
    return gunzipSync(packed, { maxOutputLength: LIMIT_BYTES }).toString('latin1');
  } catch {
    return '';
  }
}

/** Null unless the text is the configuration of a 64-bit x86 kernel. */
function parse(source: string, text: string): RunningConfig | null {
  const values = new Map<string, string>();
  for (const [, option, value] of text.matchAll(/^(CONFIG_\w+)=(.*)$/gm)) values.set(option!, value!);
  if (!values.has('CONFIG_X86_64')) return null;
  return { source, value: (option) => values.get(option) ?? null };
}
