import { randomUUID } from 'node:crypto';
import { RAM } from './guest-os.ts';
import { DEBIAN, requireSame, type SurvivalProgram } from './program.ts';

const TMUX = `tmux -S ${RAM}/tmux`;
const PID = `${TMUX} list-panes -F '#{pane_pid}'`;
/**
 * Where the text may have stopped: what both sleep in, whether the terminal is flow controlled, and what
 * moves it: a window of its own, the same keys again, a signal to the editor, one to the terminal's server.
 */
const LOOK_INSIDE = `screen() { ${TMUX} capture-pane -p -t 0 | grep -v '^~$'; }
  tty=$(${TMUX} list-panes -F '#{pane_tty}'); vi=$(${PID}); server=$(${TMUX} display -p '#{pid}')
  ${TMUX} list-panes -aF '#{pane_pid} #{pane_tty} #{pane_in_mode} #{pane_dead} #{pane_input_off} #{history_bytes}'
  for p in $server $vi; do grep -H . /proc/$p/wchan /proc/$p/syscall /proc/$p/io; done
  stty -a -F $tty | head -n 4; ${TMUX} new-window -d 'date >${RAM}/window'; sleep 5; cat ${RAM}/window
  for move in "${TMUX} send-keys -t 0 again" "kill -WINCH $vi" "kill -WINCH $server" "stty -F $tty rows 31"; do
    $move; sleep 10; echo "after $move:"; screen; done`;

/** Waits for it; when it does not come, says how often it was looked for, what is there and what moves it. */
const screenHas = (text: string): string =>
  `i=0; begin=$(date +%s); until ${TMUX} capture-pane -p | grep -qF '${text}'; do i=$((i + 1))
     [ $(($(date +%s) - begin)) -lt 200 ] || { echo "after $i looks:"; ${TMUX} capture-pane -p | grep -v '^~$'
       { set +e; ${LOOK_INSIDE}; } >&2; exit 1; }
     sleep 0.2; done`;

export const editor: SurvivalProgram = {
  id: 'editor',
  doc: 'an editor in a detached terminal, in the middle of a text that was never saved',
  needs: DEBIAN,
  prepare: async (os) => {
    const nonce = randomUUID();
    // -n: no swap file; the text is in the editor's memory alone.
    // It has started when it says what it edits; what is typed before would meet the answers of the terminal.
    await os.sh(`set -e; rm -f ${RAM}/unsaved; ${TMUX} new-session -d -x 100 -y 30 "vi -n ${RAM}/unsaved"
      ${screenHas('unsaved')}; sleep 1; ${TMUX} send-keys i '${nonce}'
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
    await os.sh(`set -e; ${TMUX} send-keys Escape ':wq' Enter; i=0
      until [ -e ${RAM}/unsaved ]; do i=$((i + 1)); [ $i -lt 100 ] || exit 1; sleep 0.2; done; sleep 0.5`);
    const saved = await os.sh(`wc -l <${RAM}/unsaved; grep -c '${facts.nonce}$' ${RAM}/unsaved`);
    requireSame(`the saved text in ${os.name}`, `${facts.lines}\n${facts.lines}`, saved);
  },
};
