import type { Sys } from '../sys/sys.ts';
import { readIfAllowed } from './if-allowed.ts';

/** `integrity`, `confidentiality`, `none`; null when this kernel has no lockdown or does not show it. */
export function readLockdown(sys: Sys): string | null {
  // The active one stands in brackets: `none [integrity] confidentiality`.
  return /\[(\w+)\]/.exec(readIfAllowed(sys, '/sys/kernel/security/lockdown') ?? '')?.[1] ?? null;
}

export function isLockedDown(sys: Sys): boolean {
  return (readLockdown(sys) ?? 'none') !== 'none';
}
