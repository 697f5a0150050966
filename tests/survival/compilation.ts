import { waitForProgress } from './going-on.ts';
import { RAM } from './guest-os.ts';
import { requireProcess, startScript } from './process.ts';
import { requireGrown, SurvivalError, type SurvivalProgram } from './program.ts';

/** Seconds of an emulated processor, so that a switch meets the compiler at work. */
const SCRIPT = `
cd ${RAM}
i=0
while [ $i -lt 40 ]; do
	echo "int f$i(int x) { int s = $i; for (int k = 0; k < x; k++) s = s * 31 + (k ^ $i); return s; }"
	i=$((i + 1))
done >compilation.c
while :; do gcc -O2 -c compilation.c -o compilation.o && sha256sum compilation.o; done
`;
const DONE = `wc -l <${RAM}/compilation.log`;
const LOOK = `grep -vc '  compilation.o$' ${RAM}/compilation.log; ${DONE}; sort -u ${RAM}/compilation.log | wc -l`;

export const compilation: SurvivalProgram = {
  id: 'compilation',
  doc: 'a compiler at work: what comes out is always the same object file',
  needs: ['debian13'],
  prepare: async (os) => {
    const facts = await startScript(os, 'compilation', SCRIPT);
    await os.sh(`renice -n 10 -p ${facts.pid} >/dev/null`);
    return { ...facts, done: 0 };
  },
  verify: async (os, facts) => {
    await requireProcess(os, 'compilation', facts);
    await waitForProgress(os, 'the compiler', DONE, facts.done);
    const [bad, done, different] = (await os.sh(`${LOOK} || true`)).split('\n').map(Number);
    requireGrown(`the compiler in ${os.name}`, Number(facts.done), done!);
    if (bad !== 0 || different !== 1) {
      throw new SurvivalError(
        `the compiler in ${os.name}: ${bad} complaints, ${different} different results`,
      );
    }
    return { ...facts, done: done! };
  },
};
