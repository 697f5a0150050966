import { z } from 'zod';
import { TorporError } from '../base/errors.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';

/** What one OS asks of another through its mailbox; carried out when the other runs again. */
const messageSchema = z.discriminatedUnion('kind', [
  /** To an OS that is being booted: jump back to slot `to` when it is up. */
  z.object({ kind: z.literal('return'), to: z.number().int().min(0).max(15) }),
  /** Shut down in order and leave the slot for good, into slot `to`. */
  z.object({ kind: z.literal('stop'), to: z.number().int().min(0).max(15) }),
]);
export type Message = z.infer<typeof messageSchema>;

export function leaveMessage(switchboard: Switchboard, slot: number, message: Message): void {
  switchboard.writeMailbox(slot, message);
}

/** Takes this OS's message out of its mailbox. Throws E_MAILBOX; a bad message is taken out as well. */
export function takeMessage(switchboard: Switchboard, slot: number): Message | null {
  try {
    return decodeMessage(switchboard.readMailbox(slot));
  } finally {
    switchboard.writeMailbox(slot, null);
  }
}

export function decodeMessage(json: unknown): Message | null {
  if (json === null) return null;
  const result = messageSchema.safeParse(json);
  if (result.success) return result.data;
  throw new TorporError(
    'E_MAILBOX',
    `the message in the mailbox is not valid: ${z.prettifyError(result.error)}`,
    {
      hint: 'use the same release of Torpor in every OS',
    },
  );
}
