import { type Check, ok, unknown, warning } from '../check.ts';
import { isLockedDown } from '../lockdown.ts';
import { readSecureBoot } from '../secure-boot-state.ts';

export const secureBoot: Check = {
  id: 'secure-boot',
  title: 'Secure Boot',
  group: 'kernel',
  probe({ sys }) {
    const state = readSecureBoot(sys);
    const facts = { state };
    switch (state) {
      case 'bios':
        return ok('none (not started by UEFI)', facts);
      case 'off':
        return ok('off', facts);
      case 'unknown':
        return unknown(
          'its variable cannot be read',
          'mount -t efivarfs efivarfs /sys/firmware/efi/efivars',
          facts,
        );
      case 'on':
        return warning(
          isLockedDown(sys)
            ? 'on: it is why the kernel is locked down'
            : 'on, though this kernel is not locked down; others would be',
          'turn Secure Boot off in the firmware setup',
          facts,
        );
    }
  },
};
