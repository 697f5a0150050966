import { carryClock } from '../engine/resident/clock.ts';
import { type Arrival, jump } from '../engine/resident/jump.ts';
import { loadCrashImage } from '../engine/resident/kexec-images.ts';
import { reportSwitch, type SwitchReport } from '../engine/resident/switch-report.ts';
import type { SlotRecord } from '../switchboard/record.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';
import type { Sys } from '../sys/sys.ts';
import { leaveAnswer, packError } from './answer.ts';
import { type Message, type QuiesceRequest, type Restored, takeMessages } from './messages.ts';
import { quiesce } from './quiesce.ts';

/** One way out of this OS and back, without hooks. */
export interface Passage {
  /** The last switch, into this OS. */
  readonly report: SwitchReport;
  /** All that this OS was told, oldest first. */
  readonly messages: readonly Message[];
  /** Set when this OS comes out of a bank. */
  readonly restored: Restored | null;
}

/**
 * Parks this OS and enters slot `target`; returns when somebody comes back for more than to have this OS come
 * to rest. `rest` brings it to rest before it is parked, and what that returns lets it go on. Throws what
 * jump() throws, E_MAILBOX, and what `rest` throws.
 */
export function pass(
  sys: Sys,
  switchboard: Switchboard,
  target: number,
  rest: () => () => void = () => () => {},
): Passage {
  let passage = passOnce(sys, switchboard, target, rest);
  for (;;) {
    const request = passage.messages.find((message) => message.kind === 'quiesce');
    if (request === undefined) return passage;
    const before = passage.messages.filter((message) => message !== request);
    const next = comeToRest(sys, switchboard, request);
    passage = {
      report: next.report,
      messages: [...before, ...next.messages],
      restored: next.restored ?? passage.restored,
    };
  }
}

/** As home asked for it. What cannot be done is said there. */
function comeToRest(sys: Sys, switchboard: Switchboard, { request, to }: QuiesceRequest): Passage {
  return passOnce(sys, switchboard, to, () => {
    try {
      const release = quiesce(sys);
      leaveAnswer(switchboard, to, { request, ok: {}, error: null });
      return release;
    } catch (error) {
      leaveAnswer(switchboard, to, { request, ok: null, error: packError(error) });
      return () => {};
    }
  });
}

function passOnce(sys: Sys, switchboard: Switchboard, target: number, rest: () => () => void): Passage {
  const release = rest();
  try {
    const arrival = jump(sys, switchboard, target);
    const report = arrive(sys, switchboard, arrival);
    const self = switchboard.running();
    const messages = takeMessages(switchboard, self.index);
    const restored = messages.findLast((message) => message.kind === 'restored') ?? null;
    if (restored !== null) wake(sys, switchboard, self, restored);
    return { report, messages, restored };
  } finally {
    release();
  }
}

/** The figures and times of the switch that ended here. */
function arrive(sys: Sys, switchboard: Switchboard, arrival: Arrival): SwitchReport {
  // An OS out of a bank can find another start of home than the one it was parked under.
  switchboard.reload();
  const report = reportSwitch(sys, switchboard, arrival);
  carryClock(sys, arrival);
  const nowMs = Math.round(sys.realtimeMs());
  switchboard.describe(arrival.control.previous, { sinceMs: nowMs });
  switchboard.describe(arrival.control.current, { sinceMs: nowMs });
  switchboard.writeLastSwitch(report);
  return report;
}

/**
 * What an OS out of a bank does before all else: two restores of one snapshot must not draw the same
 * random numbers, and its crash image has to name the slot that it is in now.
 */
function wake(sys: Sys, switchboard: Switchboard, self: SlotRecord, restored: Restored): void {
  sys.reseedRandom(Buffer.from(restored.seed, 'base64'));
  switchboard.describe(self.index, { crashArmed: loadCrashImage(sys, switchboard.base, self) });
}
