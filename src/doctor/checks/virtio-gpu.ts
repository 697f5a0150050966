import { listBoundDevices } from '../bound-devices.ts';
import { type Check, obstacle, ok, warning } from '../check.ts';
import { readIfAllowed } from '../if-allowed.ts';

/**
 * Kernels hung twice after a switch with virtio-vga. By reading 6.12.117: virtio_gpu_driver has
 * neither freeze nor restore, and virtio_device_restore() resets the device, so that its queues are
 * gone and whoever draws waits for ever. Kernels with the hooks have the symbol virtgpu_restore.
 */
export const virtioGpu: Check = {
  id: 'virtio-gpu',
  title: 'virtio-gpu',
  group: 'devices',
  probe({ sys }) {
    const devices = listBoundDevices(sys)
      .filter(({ driver }) => driver === 'virtio_gpu')
      .map(({ device }) => device);
    if (devices.length === 0) return ok('none in use', { devices });
    const restores = / virtgpu_restore\b/.test(readIfAllowed(sys, '/proc/kallsyms') ?? '');
    const facts = { devices, restores };
    if (restores)
      return warning(
        'in use; this kernel can restore it, but that was never tried',
        'use another display (QEMU: -vga std) if a switch hangs',
        facts,
      );
    return obstacle(
      'in use; its driver cannot restore it, and the first drawing after a switch hangs',
      'use another display (QEMU: -vga std), or the kernel arguments module_blacklist=virtio_gpu initcall_blacklist=virtio_gpu_driver_init',
      facts,
    );
  },
};
