import { listBoundDevices } from '../bound-devices.ts';
import { type Check, obstacle, ok, warning } from '../check.ts';
import { readIfAllowed } from '../if-allowed.ts';

/**
 * Seen on 6.12.117 and 7.2.12 (docs/decisions/0006-virtio-gpu.md): virtio_gpu_driver has neither
 * freeze nor restore, so that virtio_device_restore() leaves a reset device without queues. The
 * next drawings fill the driver's ring, and the worker that draws waits for ever with the display
 * locked. Kernels with the hooks have the symbol virtgpu_restore; as proposed they bring the
 * picture's memory back only after hibernation, which a switch is not for them.
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
        'in use; this kernel can restore its queues, but that was never tried, and the picture may be lost',
        'use another display (QEMU: -vga std) if the screen stays dark or a switch hangs',
        facts,
      );
    return obstacle(
      'in use; its driver cannot restore it: after a switch the screen stands still, and the next change of console blocks every terminal and every further switch',
      'use another display (QEMU: -vga std), or the kernel arguments module_blacklist=virtio_gpu initcall_blacklist=virtio_gpu_driver_init',
      facts,
    );
  },
};
