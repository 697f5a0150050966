/**
 * What drivers do when their devices are frozen for a jump and restored after it. User space cannot
 * see a driver's dev_pm_ops, so this is a list, read in Linux 6.12.117 (each driver's source;
 * drivers/pci/pci-driver.c and drivers/virtio/virtio.c for what happens without callbacks).
 */
export type DriverGrade =
  /** Went through switches in the lab. */
  | 'tried'
  /** Has callbacks to freeze and restore, by reading. */
  | 'callbacks'
  /** No callbacks, and no state in the device beyond the PCI configuration, which the PCI core restores. */
  | 'stateless'
  /** Only the old suspend and resume of struct pci_driver. */
  | 'legacy'
  /** No callbacks: the device comes back reset and the driver does not know. */
  | 'none'
  /** Its freeze callback refuses, and with it every switch. */
  | 'refuses';

const PCI: Record<DriverGrade, string> = {
  tried: 'ata_piix nvme ahci virtio-pci e1000e xhci_hcd bochs-drm snd_hda_intel',
  callbacks:
    'e1000 e100 igb igc ixgbe i40e ice tg3 bnx2 bnx2x bnxt_en alx sky2 atlantic r8169 8139cp 8139too pcnet32 ena vmxnet3 be2net mlx4_core amd-xgbe xgbe ' +
    'iwlwifi ath9k ath10k_pci ath11k_pci ath12k_pci mt7921e rtw_8822be rtw_8822ce rtw_8821ce rtw89_8852ae rtw89_8852be rtw89_8852ce ' +
    'i915 xe amdgpu radeon nouveau ast qxl vmwgfx ' +
    'megaraid_sas mpt3sas aacraid hpsa smartpqi lpfc vmd sdhci-pci rtsx_pci ' +
    'ehci-pci ohci-pci uhci_hcd pcieport thunderbolt mei_me i801_smbus intel-lpss i2c_designware_pci proc_thermal_pci ccp ' +
    'sof-audio-pci-intel-tgl sof-audio-pci-intel-cnl sof-audio-pci-intel-mtl agpgart-intel agpgart-amd64',
  stateless: 'lpc_ich piix4_smbus k10temp ie31200_edac intel_vsec pvpanic-pci shpchp',
  legacy: 'mlx5_core gve mana ata_generic pata_acpi pata_amd',
  none: 'cxgb4 qla2xxx vmw_pvscsi ioatdma vfio-pci mgag200 cirrus',
  refuses: '',
};

const VIRTIO: Record<DriverGrade, string> = {
  tried: 'virtio_blk virtio_net',
  callbacks:
    'virtio_scsi virtio_console virtio_balloon virtio_rng virtio_input virtiofs vmw_vsock_virtio_transport virtio_crypto virtio_snd i2c_virtio',
  stateless: '',
  legacy: '',
  none: '9pnet_virtio virtio_pmem nd_virtio virtio_iommu virtio_bt gpio_virtio',
  refuses: 'virtio_mem',
};

/** Drivers that a check of their own looks at. */
const ELSEWHERE = new Set(['virtio_gpu', 'nvidia']);

export type Bus = 'pci' | 'virtio';
const GRADES: Record<Bus, Map<string, DriverGrade>> = { pci: byName(PCI), virtio: byName(VIRTIO) };

/** Null for a driver that is not in the list; undefined for one that another check looks at. */
export function gradeDriver(bus: Bus, driver: string): DriverGrade | null | undefined {
  if (ELSEWHERE.has(driver)) return undefined;
  return GRADES[bus].get(driver) ?? null;
}

function byName(grades: Record<DriverGrade, string>): Map<string, DriverGrade> {
  const entries = Object.entries(grades) as [DriverGrade, string][];
  return new Map(
    entries.flatMap(([grade, names]) =>
      names
        .split(' ')
        .filter((name) => name !== '')
        .map((name) => [name, grade] as const),
    ),
  );
}
