import type { SlotRecord } from '../switchboard/record.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';
import type { Sys } from '../sys/sys.ts';
import { joinMachine } from './join.ts';
import { takeMessages } from './messages.ts';
import { switchTo, type TravelOptions } from './travel.ts';

/**
 * What an OS does once it is up: it announces itself and then, when whoever booted it asked for
 * that, parks itself and goes back there. Returns when this OS runs (again).
 */
export async function enterMachine(
  sys: Sys,
  homeName: string,
  joined: (switchboard: Switchboard, self: SlotRecord) => void,
  options: TravelOptions = {},
): Promise<Switchboard> {
  const { switchboard, self } = joinMachine(sys, homeName);
  joined(switchboard, self);
  const messages = takeMessages(switchboard, self.index);
  const back = messages.find((message) => message.kind === 'return');
  if (back !== undefined) await switchTo(sys, switchboard, back.to, options);
  return switchboard;
}
