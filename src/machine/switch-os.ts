import { TorporError } from '../base/errors.ts';
import { carryClock } from '../engine/resident/clock.ts';
import { jump } from '../engine/resident/jump.ts';
import { reportSwitch, type SwitchReport } from '../engine/resident/switch-report.ts';
import type { SlotRecord } from '../switchboard/record.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';
import type { Sys } from '../sys/sys.ts';
import { findResident } from './find-slot.ts';
import { takeMessage } from './messages.ts';
import { stopThisOs } from './stop-this-os.ts';

/** The OS to switch to, checked. Throws E_OS_UNKNOWN, E_OS_RUNNING, E_OS_CRASHED. */
export function planSwitch(switchboard: Switchboard, name: string): SlotRecord {
  const target = findResident(switchboard.records(), name);
  const facts = { name, slot: target.index, state: target.state };
  switch (target.state) {
    case 'parked':
    case 'loaded':
      return target;
    case 'running':
      throw new TorporError('E_OS_RUNNING', `“${name}” is the OS that runs now`, {
        facts,
        hint: '`torpor status` lists the others',
      });
    case 'crashed':
      throw new TorporError('E_OS_CRASHED', `“${name}” has crashed`, {
        facts,
        hint: `read its last words with \`torpor show ${name}\`, then \`torpor stop --force ${name}\` and boot it again`,
      });
  }
}

/**
 * Parks this OS and enters slot `target`. Returns, in this OS, when somebody comes back to it,
 * with the report of that last switch; a message that waits for this OS is carried out first.
 */
export function switchTo(sys: Sys, switchboard: Switchboard, target: number): SwitchReport {
  const self = switchboard.running();
  for (;;) {
    const arrival = jump(sys, switchboard, target);
    const report = reportSwitch(sys, switchboard, arrival);
    carryClock(sys, arrival);
    const nowMs = Math.round(sys.realtimeMs());
    switchboard.describe(arrival.control.previous, { sinceMs: nowMs });
    switchboard.describe(self.index, { sinceMs: nowMs });
    switchboard.writeLastSwitch(report);
    const message = takeMessage(switchboard, self.index);
    if (message?.kind !== 'stop') return report;
    stopThisOs(sys, switchboard, message.to);
  }
}
