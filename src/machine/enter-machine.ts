import type { SlotRecord } from '../switchboard/record.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';
import type { Sys } from '../sys/sys.ts';
import { joinMachine } from './join.ts';
import { takeMessage } from './messages.ts';
import { switchTo } from './switch-os.ts';

/**
 * What an OS does once it is up: it announces itself and then, when whoever booted it asked for
 * that, parks itself and goes back there. Returns when this OS runs (again).
 */
export function enterMachine(
  sys: Sys,
  homeName: string,
  joined: (switchboard: Switchboard, self: SlotRecord) => void,
): Switchboard {
  const { switchboard, self } = joinMachine(sys, homeName);
  joined(switchboard, self);
  const message = takeMessage(switchboard, self.index);
  if (message?.kind === 'return') switchTo(sys, switchboard, message.to);
  return switchboard;
}
