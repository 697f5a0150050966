import type { ParkOsPlan } from './park-os.ts';
import { describeResumePlan } from './plan-resume.ts';

/** The stages of a park or a switch in their order, for JSON. */
export function describeParkPlan({ own, target, area, wish }: ParkOsPlan): object {
  return {
    os: own.os,
    device: area.device,
    slot: own.slot,
    stages: [
      ...own.shared.map(({ mountPoint }) => `unmount ${mountPoint}`),
      'hold programs',
      'freeze',
      ...own.frozen.map(({ mountPoint }) => `freeze ${mountPoint}`),
      'make the image',
      `store it in slot ${own.slot}`,
      target === null
        ? wish.kind === 'off'
          ? 'turn off'
          : 'start anew'
        : `load “${target.parked.os}” and go on there`,
    ],
    disks: own.disks,
    target: target === null ? null : describeResumePlan(target),
  };
}
