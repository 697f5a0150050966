import { waitForProgress } from './going-on.ts';
import { RAM } from './guest-os.ts';
import { requireProcess, startScript } from './process.ts';
import { ANY_OS, requireGrown, type SurvivalProgram } from './program.ts';

const SECONDS = 3;
const SCRIPT = `
rings=0
echo 0 >${RAM}/timer
while :; do
	sleep ${SECONDS}
	rings=$((rings + 1))
	echo $rings >${RAM}/timer.new && mv ${RAM}/timer.new ${RAM}/timer
done
`;

export const sleepingTimer: SurvivalProgram = {
  id: 'sleeping-timer',
  doc: 'a program in a sleep of three seconds that begins before the switch and ends after it',
  needs: ANY_OS,
  prepare: async (os) => ({ ...(await startScript(os, 'sleeping-timer', SCRIPT)), rings: -1 }),
  verify: async (os, facts) => {
    await requireProcess(os, 'sleeping-timer', facts);
    const rings = Number(await waitForProgress(os, 'the sleeper', `cat ${RAM}/timer`, facts.rings));
    requireGrown(`the sleeper in ${os.name}`, Number(facts.rings), rings);
    return { ...facts, rings };
  },
};
