import { type Check, ok, unknown } from '../check.ts';

export const root: Check = {
  id: 'root',
  title: 'rights',
  group: 'kernel',
  essential: true,
  probe({ isRoot, sys }) {
    const facts = { uid: sys.effectiveUid() };
    if (isRoot) return ok('root', facts);
    return unknown(
      'not root: part of the kernel cannot be seen, and switching needs root',
      'sudo torpor doctor',
      facts,
    );
  },
};
