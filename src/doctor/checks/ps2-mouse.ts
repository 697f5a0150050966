import { type Check, ok, warning } from '../check.ts';

/** Resuming a PS/2 mouse took 0.2 to 4.6 s of each switch in the lab. */
export const ps2Mouse: Check = {
  id: 'ps2-mouse',
  title: 'PS/2 mouse',
  group: 'devices',
  probe({ sys, kernelArguments }) {
    const disabled = kernelArguments.some((word) => /^i8042\.noaux(=[1yY])?$/.test(word));
    // The second port of the controller is serio1; keyboards are serio0 (drivers/input/serio/i8042.c).
    const blocks = (sys.readTextFile('/proc/bus/input/devices') ?? '').split('\n\n');
    const mouse = blocks.find((block) => /^P: Phys=isa0060\/serio1/m.test(block));
    const name = /^N: Name="(.*)"$/m.exec(mouse ?? '')?.[1] ?? null;
    const facts = { disabled, name };
    if (mouse === undefined) return ok(disabled ? 'switched off' : 'none', facts);
    return warning(
      `${name ?? 'a mouse or touchpad'}: it makes each switch 0.2 to 4.6 s longer`,
      'kernel argument i8042.noaux, unless it is the only pointer',
      facts,
    );
  },
};
