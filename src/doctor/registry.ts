import type { Check } from './check.ts';
import { architecture } from './checks/architecture.ts';
import { bank } from './checks/bank.ts';
import { clock } from './checks/clock.ts';
import { confidentialMemory } from './checks/confidential-memory.ts';
import { container } from './checks/container.ts';
import { crashReservation } from './checks/crash-reservation.ts';
import { devMem } from './checks/dev-mem.ts';
import { drivers } from './checks/drivers.ts';
import { firmwareMap } from './checks/firmware-map.ts';
import { freezing } from './checks/freezing.ts';
import { iommu } from './checks/iommu.ts';
import { jumpPath } from './checks/jump-path.ts';
import { kexecAllowed } from './checks/kexec-allowed.ts';
import { kexecJump } from './checks/kexec-jump.ts';
import { largePages } from './checks/large-pages.ts';
import { lockdown } from './checks/lockdown.ts';
import { memorySize } from './checks/memory-size.ts';
import { nmiWatchdog } from './checks/nmi-watchdog.ts';
import { nvidia } from './checks/nvidia.ts';
import { pagingMode } from './checks/paging-mode.ts';
import { parking } from './checks/parking.ts';
import { plan } from './checks/plan.ts';
import { processors } from './checks/processors.ts';
import { ps2Mouse } from './checks/ps2-mouse.ts';
import { root } from './checks/root.ts';
import { secureBoot } from './checks/secure-boot.ts';
import { snapshotDevice } from './checks/snapshot-device.ts';
import { switchboard } from './checks/switchboard.ts';
import { virtioGpu } from './checks/virtio-gpu.ts';

/** All checks. The first obstacle in this order is the one whose remedy is named as the next step. */
export const CHECKS: readonly Check[] = [
  architecture,
  container,
  confidentialMemory,
  largePages,
  pagingMode,
  processors,
  iommu,
  clock,
  root,
  kexecJump,
  jumpPath,
  lockdown,
  secureBoot,
  kexecAllowed,
  devMem,
  snapshotDevice,
  nmiWatchdog,
  firmwareMap,
  memorySize,
  plan,
  bank,
  parking,
  switchboard,
  crashReservation,
  drivers,
  virtioGpu,
  nvidia,
  ps2Mouse,
  freezing,
];
