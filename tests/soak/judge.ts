import type { SwitchReport } from '../../src/engine/resident/switch-report.ts';
import type { WitnessReport } from './guest/report.ts';

/** Lines that an emulated machine on a busy host may say without anything being wrong; they are counted. */
const HARMLESS = /(clocksource|tsc).*unstable|rcu.*stall/i;

/** What is wrong with an OS that was just entered; nothing is wrong when the list is empty. */
export function judge(os: string, before: WitnessReport, now: WitnessReport): string[] {
  const problems = [...now.damage];
  const complaints = now.complaints.filter((line) => !HARMLESS.test(line));
  problems.push(...complaints.map((line) => `kernel: ${line}`));
  if (now.os !== os) problems.push(`“${now.os}” answers instead of “${os}”`);
  if (now.nonce !== before.nonce) problems.push(`the nonce is ${now.nonce}, it was ${before.nonce}`);
  if (now.ticks <= before.ticks) problems.push(`ticks stand at ${now.ticks}, they were ${before.ticks}`);
  if (now.echoes < before.echoes) problems.push(`echoes: ${now.echoes} after ${before.echoes}`);
  if (now.tainted !== before.tainted) problems.push(`the kernel is tainted: ${now.tainted}`);
  return problems;
}

/** Clocks of two machines that run for a minute differ by less. */
const CLOCK_TOLERANCE = 1.05;

/** A switch lies inside the time that the host waited for it: longer ones were measured wrongly. */
export function judgeTime(report: SwitchReport | null, hostMs: number): string[] {
  if (report === null || report.totalMs <= hostMs * CLOCK_TOLERANCE) return [];
  return [`the report says ${report.totalMs.toFixed(1)} ms, the host waited ${hostMs.toFixed(1)} ms`];
}
