import { listBoundDevices } from '../bound-devices.ts';
import { type Check, obstacle, ok } from '../check.ts';
import { readIfAllowed } from '../if-allowed.ts';

/**
 * NVIDIA's own driver saves video memory when nvidia-suspend.service tells it to through
 * /proc/driver/nvidia/suspend, or through PM notifiers. A jump does neither.
 */
export const nvidia: Check = {
  id: 'nvidia',
  title: 'NVIDIA driver',
  group: 'devices',
  probe({ sys }) {
    const devices = listBoundDevices(sys)
      .filter(({ driver }) => driver === 'nvidia')
      .map(({ device }) => device);
    const version = readIfAllowed(sys, '/proc/driver/nvidia/version')?.split('\n')[0]?.trim() ?? null;
    const facts = { devices, version };
    if (devices.length === 0) return ok('not in use', facts);
    return obstacle(
      "NVIDIA's own driver is in use: a switch would lose its video memory",
      'before a switch: systemctl isolate multi-user.target && modprobe -r nvidia_drm nvidia_modeset nvidia_uvm nvidia',
      facts,
    );
  },
};
