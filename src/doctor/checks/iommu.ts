import { type Check, ok, warning } from '../check.ts';

/** Translation is switched off while leaving and set up anew on return (iommu_suspend). */
export const iommu: Check = {
  id: 'iommu',
  title: 'IOMMU',
  group: 'machine',
  probe({ sys }) {
    const units = sys.listDirectory('/sys/class/iommu');
    const facts = { units };
    if (units.length === 0) return ok('off', facts);
    if (units.every((unit) => unit.startsWith('dmar')))
      return ok(`on, Intel (${units.join(', ')}); tried emulated only`, facts);
    const amd = units.some((unit) => unit.startsWith('ivhd'));
    return warning(
      `on (${units.join(', ')}); switching with this kind was never tried`,
      `kernel argument ${amd ? 'amd_iommu=off' : 'iommu=off'} if a switch fails`,
      facts,
    );
  },
};
