import { TorporError } from '../base/errors.ts';
import type { SlotRecord } from '../switchboard/record.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';
import { findResident } from './find-slot.ts';

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
