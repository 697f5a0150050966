import type { ParkOsPlan, ParkWish } from './park-os.ts';
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
      lastStage(wish),
    ],
    disks: own.disks,
    target: target === null ? null : describeResumePlan(target),
  };
}

function lastStage(wish: ParkWish): string {
  switch (wish.kind) {
    case 'off':
      return 'turn off';
    case 'restart':
      return 'start anew';
    case 'resume':
      return `load “${wish.os}” and go on there`;
    case 'restore':
      return `load ${wish.reference}, write its disks and go on there`;
  }
}
