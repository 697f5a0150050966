import { randomUUID } from 'node:crypto';
import { RAM } from './guest-os.ts';
import { DEBIAN, requireSame, type SurvivalProgram } from './program.ts';

const TMUX = `tmux -S ${RAM}/tmux`;
const PID = `${TMUX} list-panes -F '#{pane_pid}'`;
/** Waits for it; when it does not come, says how often it was looked for, and what is there. */
const screenHas = (text: string): string =>
  `i=0; begin=$(date +%s); until ${TMUX} capture-pane -p | grep -qF '${text}'; do i=$((i + 1))
     [ $(($(date +%s) - begin)) -lt 200 ] || { echo "after $i looks:"; ${TMUX} capture-pane -p | grep -v '^$'; exit 1; }
     sleep 0.2; done`;

export const editor: SurvivalProgram = {
  id: 'editor',
  doc: 'an editor in a detached terminal, in the middle of a text that was never saved',
  needs: DEBIAN,
  prepare: async (os) => {
    const nonce = randomUUID();
    // Not Vim: on a slow processor it can wait for the next key before it has looked at those that it has read
    // (inchar_loop() of ui.c, 9.0: a wait of less than no time is one without an end).
    // -I: without anybody's settings. It has started when it says what it edits.
    await os.sh(`set -e; rm -f ${RAM}/unsaved; ${TMUX} new-session -d -x 100 -y 30 "nano -I ${RAM}/unsaved"
      ${screenHas('unsaved')}; sleep 1; ${TMUX} send-keys '${nonce}'
      ${screenHas(nonce)}`);
    return { nonce, lines: 1, pid: Number(await os.sh(PID)) };
  },
  verify: async (os, facts) => {
    requireSame(`the editor in ${os.name}`, facts.pid!, Number(await os.sh(PID)));
    const lines = Number(facts.lines) + 1;
    await os.sh(`set -e; ${screenHas(String(facts.nonce))}; ${TMUX} send-keys Enter 'line ${lines} of ${facts.nonce}'
      ${screenHas(`line ${lines} of ${facts.nonce}`)}; [ ! -e ${RAM}/unsaved ]`);
    return { ...facts, lines };
  },
  finish: async (os, facts) => {
    await os.sh(`set -e; ${TMUX} send-keys C-o Enter C-x; i=0
      until [ -e ${RAM}/unsaved ]; do i=$((i + 1)); [ $i -lt 100 ] || exit 1; sleep 0.2; done; sleep 0.5`);
    const saved = await os.sh(`wc -l <${RAM}/unsaved; grep -c '${facts.nonce}$' ${RAM}/unsaved`);
    requireSame(`the saved text in ${os.name}`, `${facts.lines}\n${facts.lines}`, saved);
  },
};
