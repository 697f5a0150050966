import { randomBytes } from 'node:crypto';
import { RAM } from './guest-os.ts';
import { requireProcess, startScript } from './process.ts';
import { ANY_OS, requireSame, type SurvivalProgram } from './program.ts';

const PIPE = `${RAM}/pipe`;
const BYTES = 3000;
/** Holds the pipe open for reading and writing, so that what is in it stays there. */
const SCRIPT = `
read -r text
rm -f ${PIPE}
mkfifo ${PIPE}
exec 3<>${PIPE}
printf %s "$text" >&3
: >${RAM}/pipe.ready
while :; do sleep 1000; done
`;

export const pipeInFlight: SurvivalProgram = {
  id: 'pipe-in-flight',
  doc: 'three thousand bytes that were written into a pipe and not read yet',
  needs: ANY_OS,
  prepare: async (os) => {
    const text = randomBytes(BYTES / 2).toString('hex');
    const process = await startScript(os, 'pipe-in-flight', SCRIPT, text);
    await os.sh(`until [ -e ${RAM}/pipe.ready ]; do sleep 0.1; done`);
    return { ...process, text };
  },
  verify: async (os, facts) => {
    await requireProcess(os, 'pipe-in-flight', facts);
    const text = await os.sh(`timeout 20 dd if=${PIPE} bs=${BYTES} count=1 2>/dev/null`);
    requireSame(`the bytes in the pipe of ${os.name}`, String(facts.text), text);
    const next = randomBytes(BYTES / 2).toString('hex');
    await os.sh(`timeout 20 sh -c 'cat >${PIPE}'`, { stdin: Buffer.from(next) });
    return { ...facts, text: next };
  },
};
