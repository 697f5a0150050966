import { TorporError } from '../../base/errors.ts';
import type { ControlState, Switchboard } from '../../switchboard/switchboard.ts';
import type { Sys } from '../../sys/sys.ts';
import { explainFreezeRefusal } from './freeze-refusal.ts';
import { loadJumpImage } from './kexec-images.ts';
import { markLog } from './log-marks.ts';

/** What this OS finds when it runs again. */
export interface Arrival {
  readonly control: ControlState;
  /** TSC right after the system call returned and the log was marked. */
  readonly tscReturn: bigint;
}

/**
 * Parks this OS and enters slot `target`. Returns when somebody comes back to this OS, maybe much
 * later and from elsewhere. Throws when the kernel refuses to freeze: then nothing has changed.
 *
 * The jump path syncs nothing by itself (kernel/kexec_core.c, kernel_kexec), so it is done here.
 */
export function jump(sys: Sys, switchboard: Switchboard, target: number): Arrival {
  const self = switchboard.running();
  loadJumpImage(sys, switchboard.base, self);
  sys.sync();
  const tscReturn = sys.runFirst(() => leaveAndReturn(sys, switchboard, self.index, target));
  const control = switchboard.control();
  // The trampoline makes the target the current slot. The sequence would not tell: an OS that comes
  // out of a bank may find the same number after another start of home.
  if (control.current !== control.target) {
    switchboard.setTarget(self.index, 0n, 0);
    throw new TorporError('E_FREEZE_REFUSED', 'the kernel came back without having left', {
      hint: 'the kernel log says why: `dmesg | tail -50`',
    });
  }
  if (control.refused) {
    throw new TorporError('E_OS_STATE', `slot ${target} could not be entered; this OS goes on`, {
      facts: { slot: target },
      hint: '`torpor status` shows the state of every slot',
    });
  }
  return { control, tscReturn };
}

/** Returns the TSC right after the return. On the way back every thawed program wants a processor, too. */
function leaveAndReturn(sys: Sys, switchboard: Switchboard, self: number, target: number): bigint {
  switchboard.setTarget(target, sys.readTsc(), sys.realtimeMs());
  markLog(sys, 'leave');
  try {
    withQuickRcu(sys, () => sys.rebootKexec());
  } catch (cause) {
    switchboard.setTarget(self, 0n, 0);
    throw explainFreezeRefusal(sys, cause);
  }
  // The mark first: the parts of the way back are read from the log and must not exceed the whole.
  markLog(sys, 'arrive');
  return sys.readTsc();
}

/**
 * Stopping block queues and taking processors down and up waits for RCU grace periods. The kernel
 * shortens its own waits for suspend and hibernation (kernel/rcu/tree.c, rcu_pm_notify) but not on the
 * way of a jump; waits by callback (lib/percpu-refcount.c) are shorter when the idle processors are
 * looked at without a tick's delay (kernel/rcu/tree.c, rcu_gp_fqs_loop).
 */
const QUICK_RCU = {
  '/sys/kernel/rcu_expedited': '1',
  '/sys/module/rcutree/parameters/jiffies_till_first_fqs': '0',
} as const;

function withQuickRcu(sys: Sys, action: () => void): void {
  const before = Object.keys(QUICK_RCU).map((file) => [file, sys.readTextFile(file)] as const);
  const present = before.filter((entry): entry is [keyof typeof QUICK_RCU, string] => entry[1] !== null);
  for (const [file] of present) sys.writeTextFile(file, QUICK_RCU[file]);
  try {
    action();
  } finally {
    for (const [file, value] of present) sys.writeTextFile(file, value);
  }
}
