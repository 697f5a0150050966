import { TorporError } from '../../base/errors.ts';
import { completeBankPlace } from '../../machine/bank-place.ts';
import { readOwnSystem } from '../../machine/image/own-system.ts';
import { type Check, ok } from '../check.ts';

/** Whether the image engine has where to save this system. The resident engine keeps its bank in home alone. */
export const bank: Check = {
  id: 'bank',
  title: 'bank',
  group: 'memory',
  probe({ sys }) {
    const directory = completeBankPlace().directory!;
    const isThere = sys.listDirectory(directory).includes('oci-layout');
    try {
      const { source } = readOwnSystem(sys, directory).bank;
      return isThere
        ? ok(`in ${directory}, on ${source}`, { usable: true, next: 'torpor snapshot' })
        : ok(`none yet; ${directory} is on ${source}`, { usable: false, next: 'torpor bank init' });
    } catch (cause) {
      if (!(cause instanceof TorporError) || cause.hint === undefined) throw cause;
      return ok(`none for the image engine: ${cause.message}`, { usable: false, next: cause.hint });
    }
  },
};
