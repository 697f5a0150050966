import { randomUUID } from 'node:crypto';
import { waitForProgress } from './going-on.ts';
import { RAM } from './guest-os.ts';
import { requireProcess, startScript } from './process.ts';
import { ANY_OS, requireGrown, requireSame, type SurvivalProgram } from './program.ts';

const SCRIPT = `
read -r nonce
ticks=0
while :; do
	ticks=$((ticks + 1))
	echo "$nonce $ticks" >${RAM}/nonce.new && mv ${RAM}/nonce.new ${RAM}/nonce
	sleep 0.2
done
`;

const LOOK = `cat ${RAM}/nonce`;

export const nonce: SurvivalProgram = {
  id: 'nonce',
  doc: 'a shell with a nonce in a variable that counts five times a second',
  needs: ANY_OS,
  prepare: async (os) => {
    const secret = randomUUID();
    const process = await startScript(os, 'nonce', SCRIPT, secret);
    await os.sh(`until [ -s ${RAM}/nonce ]; do sleep 0.1; done`);
    return { ...process, nonce: secret, ticks: 0 };
  },
  verify: async (os, facts) => {
    await requireProcess(os, 'nonce', facts);
    const [nonce, ticks] = (await waitForProgress(os, 'the counter', LOOK)).split(' ');
    requireSame(`the nonce in ${os.name}`, facts.nonce!, nonce!);
    requireGrown(`the counter in ${os.name}`, Number(facts.ticks), Number(ticks));
    return { ...facts, ticks: Number(ticks) };
  },
};
