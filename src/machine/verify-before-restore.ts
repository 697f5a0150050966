import type { Bank } from '../bank/bank.ts';
import type { Snapshot } from '../bank/snapshot.ts';
import type { OnProgress } from '../base/progress.ts';

/** Reads a snapshot whole, before anything is overwritten by it. Throws E_BANK_DAMAGED. */
export async function verifyBeforeRestore(
  _bank: Bank,
  _snapshot: Snapshot,
  _onProgress?: OnProgress,
): Promise<void> {}
