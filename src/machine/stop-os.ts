import { TorporError } from '../base/errors.ts';
import type { SlotRecord } from '../switchboard/record.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';
import type { Sys } from '../sys/sys.ts';
import { findResident } from './find-slot.ts';
import { leaveMessage, withdrawMessages } from './messages.ts';
import { stopThisOs } from './stop-this-os.ts';
import { switchTo } from './travel.ts';

/** What stopping an OS will do. */
export interface StopPlan {
  readonly target: SlotRecord;
  /** Forget it where it lies: its unsaved data is lost, its disks are as after a power cut. */
  readonly force: boolean;
}

/** Checks that an OS can be stopped. Throws E_OS_UNKNOWN, E_OS_CRASHED, E_OS_STATE, E_OS_RUNNING. */
export function planStop(switchboard: Switchboard, name: string, force: boolean): StopPlan {
  const target = findResident(switchboard.records(), name);
  const facts = { name, slot: target.index, state: target.state };
  if (target.index === 0) {
    throw new TorporError(
      'E_OS_STATE',
      `“${name}” is the OS that the firmware started; it holds the machine`,
      {
        facts,
        hint: 'stop the other OSes, then shut the machine down as usual',
      },
    );
  }
  if (force && target.state === 'running') {
    throw new TorporError('E_OS_RUNNING', `“${name}” runs now and cannot be dropped`, {
      facts,
      hint: `\`torpor stop ${name}\` shuts it down in order`,
    });
  }
  if (!force && target.state === 'crashed') {
    throw new TorporError('E_OS_CRASHED', `“${name}” has crashed and cannot shut down`, {
      facts,
      hint: `forget it with \`torpor stop --force ${name}\``,
    });
  }
  return { target, force };
}

/**
 * Stops an OS. An orderly stop of a parked one goes there, lets it shut down and comes back; of
 * the running one it leads to home and does not return.
 */
export async function stopOs(sys: Sys, switchboard: Switchboard, plan: StopPlan): Promise<void> {
  const { target, force } = plan;
  const self = switchboard.running();
  if (force || target.state === 'loaded') {
    switchboard.setEmpty(target.index, Date.now());
    return;
  }
  if (target.index === self.index) stopThisOs(sys, switchboard, 0);
  leaveMessage(switchboard, target.index, { kind: 'stop', to: self.index });
  try {
    await switchTo(sys, switchboard, target.index);
  } finally {
    // When this OS could not leave, the other one must not find the message at its next switch.
    withdrawMessages(switchboard, target.index, 'stop');
  }
  const after = switchboard.record(target.index);
  if (after.state !== 'empty') {
    throw new TorporError(
      'E_STOP_REFUSED',
      `“${target.name}” came back without having stopped: it is ${after.state}`,
      {
        facts: { name: target.name, state: after.state },
        hint: `look with \`torpor show ${target.name}\`; \`torpor stop --force\` drops it as it lies`,
      },
    );
  }
  switchboard.setEmpty(target.index, Date.now());
}
