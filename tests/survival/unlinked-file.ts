import { randomUUID } from 'node:crypto';
import { waitForProgress } from './going-on.ts';
import { DISK } from './guest-os.ts';
import { countLines } from './numbered-lines.ts';
import { requireProcess, startScript } from './process.ts';
import { ANY_OS, requireGrown, type SurvivalProgram } from './program.ts';

const SCRIPT = `
read -r nonce
exec 3<>${DISK}/unlinked
rm ${DISK}/unlinked
count=0
while :; do
	count=$((count + 1))
	echo "$nonce $count" >&3
	sleep 0.2
done
`;

export const unlinkedFile: SurvivalProgram = {
  id: 'unlinked-file',
  doc: 'an open file without a name, on the disk, that is written further',
  needs: ANY_OS,
  prepare: async (os) => {
    const nonce = randomUUID();
    return { ...(await startScript(os, 'unlinked-file', SCRIPT, nonce)), nonce, lines: -1 };
  },
  verify: async (os, facts) => {
    await requireProcess(os, 'unlinked-file', facts);
    const file = `/proc/${facts.pid}/fd/3`;
    await waitForProgress(os, 'the unlinked file', `wc -c <${file}`);
    const lines = await countLines(os, file, String(facts.nonce));
    requireGrown(`the unlinked file in ${os.name}`, Number(facts.lines), lines);
    return { ...facts, lines };
  },
};
