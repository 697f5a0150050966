import { waitForProgress } from './going-on.ts';
import { RAM } from './guest-os.ts';
import { requireProcess, startScript } from './process.ts';
import { ANY_OS, requireGrown, SurvivalError, type SurvivalProgram } from './program.ts';

/** The same sum again and again, so that a switch meets it in the middle of one. */
const SCRIPT = `
dd if=/dev/urandom of=${RAM}/computation.data bs=64k count=16 2>/dev/null
while :; do sha256sum <${RAM}/computation.data; done
`;
const DONE = `wc -l <${RAM}/computation.log`;
const LOOK = `${DONE}; sort -u ${RAM}/computation.log | wc -l`;

export const computation: SurvivalProgram = {
  id: 'computation',
  doc: 'checksums without a pause: every one must be the same, whatever was in the registers',
  needs: ANY_OS,
  prepare: async (os) => {
    const facts = await startScript(os, 'computation', SCRIPT);
    await os.sh(`renice -n 15 -p ${facts.pid} >/dev/null`);
    return { ...facts, sums: 0 };
  },
  verify: async (os, facts) => {
    await requireProcess(os, 'computation', facts);
    await waitForProgress(os, 'the computation', DONE);
    const [sums, different] = (await os.sh(LOOK)).split('\n').map(Number);
    requireGrown(`the computation in ${os.name}`, Number(facts.sums), sums!);
    if (different !== 1) {
      throw new SurvivalError(`${different} different sums of the same bytes in ${os.name}`);
    }
    return { ...facts, sums: sums! };
  },
};
