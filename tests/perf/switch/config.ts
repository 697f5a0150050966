import { type LabConfig, parseLabConfig } from '../../../lab/config/lab-config.ts';

/** The two that are switched between, on kernels of different versions. */
export const PAIR = ['debian12', 'debian13'] as const;
const DEBIAN_MEMORY = '512M';

/** Two OSes that differ in nothing but the size of their slot. */
export const SLOT_SIZES_MIB = [256, 1024] as const;
const FILLER_MIB = 192;

export function sizedName(slotMib: number): string {
  return `tiny-${slotMib}m`;
}

/** OSes that are only there, parked while others are measured. The sized ones come first: slots are few. */
function planFillers(count: number): { name: string; mib: number }[] {
  return Array.from({ length: count }, (_, index) => {
    const mib = SLOT_SIZES_MIB[index];
    return mib === undefined ? { name: `tiny-${index + 1}`, mib: FILLER_MIB } : { name: sizedName(mib), mib };
  });
}

export function fillerNames(count: number): string[] {
  return planFillers(count).map(({ name }) => name);
}

/** The machine of the bench: the pair, then OSes that are only there. */
export function benchConfig(fillers: number): LabConfig {
  const oses = [
    renderOs(PAIR[0], '6.12', 'debian12', DEBIAN_MEMORY),
    renderOs(PAIR[1], '7.2', 'debian13', DEBIAN_MEMORY),
    ...planFillers(fillers).map(({ name, mib }) => renderOs(name, '6.12', 'tiny', `${mib}M`)),
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
  return parseLabConfig(
    `[machine]\ncpus = 2\nbank = false\nhome = "${PAIR[0]}"\n${os}`,
    'the plain machine of the bench',
  );
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
