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
    const wait = `i=0; until [ "$(cat ${RAM}/timer)" -gt ${facts.rings} ]; do
      i=$((i + 1)); [ $i -lt 100 ] || break; sleep 0.2; done; cat ${RAM}/timer`;
    const rings = Number(await os.sh(wait));
    requireGrown(`the sleeper in ${os.name}`, Number(facts.rings), rings);
    return { ...facts, rings };
  },
};
