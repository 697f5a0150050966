import type { SwitchReport } from '../engine/resident/switch-report.ts';

const round = (ms: number): string => (ms < 10 ? ms.toFixed(1) : ms.toFixed(0));

/** `debian12 → monitor in 63 ms (freeze 12, devices 20, cpus 5, jump 0.1, resume 26)` */
export function renderSwitch(report: SwitchReport): string {
  const { phasesMs } = report;
  const phases =
    phasesMs === null
      ? ''
      : ` (${Object.entries(phasesMs)
          .map(([name, ms]) => `${name} ${round(ms)}`)
          .join(', ')})`;
  const how = report.mode === 'park' ? '' : report.mode === 'leave' ? ', which stopped,' : ', which crashed,';
  return `${report.from}${how} → ${report.to} in ${round(report.totalMs)} ms${phases}`;
}
