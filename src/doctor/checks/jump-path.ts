import { type Check, type Finding, obstacle, ok, unknown } from '../check.ts';
import { orNull } from '../if-allowed.ts';
import { judgeJumpPathByVersion } from '../jump-path-versions.ts';
import { readRunningJumpPath } from '../kernel-text.ts';
import { kexecJump } from './kexec-jump.ts';

const REMEDY =
  'boot a kernel with “x86/kexec: Restore GDT on return from ::preserve_context kexec”: 6.12.5 or later, or 6.13 or later';

/**
 * A kernel must load its GDT when it is jumped back to. Its own machine code says whether it does;
 * the version is asked only where that cannot be seen.
 */
export const jumpPath: Check = {
  id: 'jump-path',
  title: 'way back from a jump',
  group: 'kernel',
  essential: true,
  probe(context) {
    const { sys, isRoot } = context;
    const path = orNull(() => readRunningJumpPath(sys));
    const facts = { how: 'code', verdict: path?.verdict ?? null, imageOffset: path?.offset ?? null };
    if (path?.verdict === 'sound') return ok('sound (seen in the running kernel)', facts);
    // Without KEXEC_JUMP the load of the GDT is not compiled in, in sound versions neither.
    if (kexecJump.probe(context).status === 'obstacle') {
      return ok('nothing to judge without KEXEC_JUMP', { how: 'none', verdict: 'absent' });
    }
    if (path?.verdict === 'unsound') {
      return obstacle(
        'unsound: this kernel does not load its GDT on return (seen in the running kernel)',
        REMEDY,
        facts,
      );
    }
    return judgeByVersion(sys.kernelRelease(), isRoot);
  },
};

function judgeByVersion(release: string, isRoot: boolean): Finding {
  const { verdict, source } = judgeJumpPathByVersion(release);
  const facts = { how: 'version', verdict, source };
  if (verdict === 'sound') return ok('sound, by its version', facts);
  if (verdict === 'unsound')
    return obstacle('unsound, by its version: the GDT is not loaded on return', REMEDY, facts);
  const remedy = isRoot
    ? 'boot a kernel with CONFIG_PROC_KCORE=y, in which it can be seen'
    : 'sudo torpor doctor';
  return unknown('neither the code of the running kernel nor its version says', remedy, facts);
}
