import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { watch, writeFileSync } from 'node:fs';
import { type GuestProgram, requireEqual, within } from './guest-program.ts';

export const fileWatch: GuestProgram = {
  id: 'file-watch',
  doc: 'an inotify watch that reports a new file, through epoll',
  start: async ({ directory }) => {
    const watcher = watch(directory);
    let ticks = 0;
    return async () => {
      const name = randomUUID();
      const seen = within(20_000, 'the report of the new file', once(watcher, 'change'));
      writeFileSync(`${directory}/${name}`, '');
      requireEqual('the name of the new file', name, (await seen)[1]);
      watcher.removeAllListeners('change');
      ticks += 1;
      return { ticks };
    };
  },
};
