import { type LabConfig, parseLabConfig } from '../../../lab/config/lab-config.ts';

/** The two that are switched between, on kernels of different versions. */
export const PAIR = ['debian12', 'debian13'] as const;
const DEBIAN_MEMORY = '512M';

/** Two OSes that differ in nothing but the size of their slot. */
export const SLOT_SIZES_MIB = [256, 1024] as const;

export function sizedName(slotMib: number): string {
  return `tiny-${slotMib}m`;
}

/** OSes that are only there: they lie parked while others are measured. */
export function fillerNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `tiny-${index + 1}`);
}

/** The machine of the bench: the pair, then the OSes of other sizes, then `fillers` more. */
export function benchConfig(fillers: number, sizes: readonly number[]): LabConfig {
  const oses = [
    renderOs(PAIR[0], '6.12', 'debian12', DEBIAN_MEMORY),
    renderOs(PAIR[1], '7.2', 'debian13', DEBIAN_MEMORY),
    ...sizes.map((mib) => renderOs(sizedName(mib), '6.12', 'tiny', `${mib}M`)),
    ...fillerNames(fillers).map((name) => renderOs(name, '6.12', 'tiny', '192M')),
  ];
  const text = `[machine]\ncpus = 2\nmonitor-memory = "512M"\n${oses.join('')}`;
  return parseLabConfig(text, 'the configuration of the bench');
}

/**
 * Debian 12 as the only OS of a machine: with the memory that it has as a guest, started by the
 * firmware, and with a disk for its hibernation image (vdc, behind its own and the tool disk).
 */
export function plainConfig(): LabConfig {
  const arguments_ = 'resume=/dev/vdc torpor.disks=swap';
  const os = renderOs(PAIR[0], '6.12', 'debian12', DEBIAN_MEMORY, arguments_);
  return parseLabConfig(`[machine]\ncpus = 2\nhome = "${PAIR[0]}"\n${os}`, 'the plain machine of the bench');
}

function renderOs(name: string, kernel: string, root: string, memory: string, args = ''): string {
  return `
[[os]]
name = "${name}"
kernel = "${kernel}"
root = "${root}"
memory = "${memory}"
args = "${args}"
`;
}
