import { randomUUID } from 'node:crypto';
import { waitForProgress } from './going-on.ts';
import { DISK, RAM } from './guest-os.ts';
import { countLines } from './numbered-lines.ts';
import { requireProcess, startScript } from './process.ts';
import { ANY_OS, requireGrown, type SurvivalProgram } from './program.ts';

const FILE = `${DISK}/growing`;
const SCRIPT = `
read -r nonce
count=0
while :; do
	for i in 1 2 3 4 5 6 7 8 9 10; do
		count=$((count + 1))
		echo "$nonce $count"
	done >>${FILE}
	sleep 0.2
done
`;
/** What the disk has, not what the page cache has. */
const READ_DISK = `sync; dd if=${FILE} of=${RAM}/growing bs=4096 iflag=direct 2>/dev/null`;

export const growingFile: SurvivalProgram = {
  id: 'growing-file',
  doc: 'a file on the disk that grows all the time; it is read back from the disk',
  needs: ANY_OS,
  prepare: async (os) => {
    const nonce = randomUUID();
    await os.sh(`rm -f ${FILE}; : >${FILE}`);
    return { ...(await startScript(os, 'growing-file', SCRIPT, nonce)), nonce, lines: -1 };
  },
  verify: async (os, facts) => {
    await requireProcess(os, 'growing-file', facts);
    await waitForProgress(os, 'the growing file', `wc -c <${FILE}`);
    await os.sh(READ_DISK);
    const lines = await countLines(os, `${RAM}/growing`, String(facts.nonce));
    requireGrown(`the growing file in ${os.name}`, Number(facts.lines), lines);
    return { ...facts, lines };
  },
};
