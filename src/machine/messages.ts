import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import { ERROR_CODES, type ErrorCodeName } from '../base/error-codes.ts';
import { TorporError } from '../base/errors.ts';
import { MAX_SLOTS } from '../switchboard/layout.ts';
import type { Switchboard } from '../switchboard/switchboard.ts';

/** Unread messages that a mailbox holds at most. */
const MAX_MESSAGES = 16;
/** What a restored OS gets for its random pool, before base64. */
export const SEED_BYTES = 64;

const slot = z
  .number()
  .int()
  .min(0)
  .max(MAX_SLOTS - 1);
const shortText = z.string().max(256);
/** Pairs an answer with its request. */
const requestId = z.string().regex(/^[0-9a-f]{16}$/);
const snapshotId = z.string().regex(/^[0-9a-f]{32}$/);
const codes = Object.keys(ERROR_CODES) as [ErrorCodeName, ...ErrorCodeName[]];
const fact = z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]);

const returnSchema = z.object({ kind: z.literal('return'), to: slot });
const stopSchema = z.object({ kind: z.literal('stop'), to: slot });
const snapshotSchema = z.object({
  kind: z.literal('snapshot'),
  request: requestId,
  from: slot,
  os: shortText,
  tag: shortText.nullable(),
  note: z.string().max(4096),
  /** Only say what would be done. */
  dryRun: z.boolean(),
  /** Save it as it was parked, without having it bring its filesystems to rest. */
  asIs: z.boolean(),
});
const quiesceSchema = z.object({ kind: z.literal('quiesce'), request: requestId, to: slot });
const restoreSchema = z.object({
  kind: z.literal('restore'),
  request: requestId,
  from: slot,
  reference: shortText,
  slot: slot.nullable(),
  check: z.boolean(),
  /** Enter the restored OS instead of the asker. */
  go: z.boolean(),
  dryRun: z.boolean(),
});
const answerSchema = z.object({
  kind: z.literal('answer'),
  request: requestId,
  /** What the request led to; null when it failed. */
  ok: z.record(z.string(), z.unknown()).nullable(),
  error: z
    .object({
      code: z.enum(codes),
      message: z.string(),
      facts: z.record(z.string(), fact),
      hint: z.string().nullable(),
    })
    .nullable(),
});
const restoredSchema = z.object({
  kind: z.literal('restored'),
  id: snapshotId,
  reference: shortText,
  generation: z.number().int().min(1),
  /** base64 */
  seed: z.string().max(256),
});

/** What OSes tell each other through their mailboxes: docs/formats/messages.md. */
const messageSchema = z.discriminatedUnion('kind', [
  returnSchema,
  stopSchema,
  quiesceSchema,
  snapshotSchema,
  restoreSchema,
  answerSchema,
  restoredSchema,
]);
export type Message = z.infer<typeof messageSchema>;
export type QuiesceRequest = z.infer<typeof quiesceSchema>;
export type SnapshotRequest = z.infer<typeof snapshotSchema>;
export type RestoreRequest = z.infer<typeof restoreSchema>;
/** What only home can do, because the bank and all disks are there. */
export type HomeRequest = SnapshotRequest | RestoreRequest;
export type Answer = z.infer<typeof answerSchema>;
export type Restored = z.infer<typeof restoredSchema>;

const mailboxSchema = z.array(messageSchema).max(MAX_MESSAGES);

export function newRequestId(): string {
  return randomBytes(8).toString('hex');
}

/**
 * Puts a message behind those that wait for the OS in `slot`. What cannot be read there is dropped.
 * Throws E_MAILBOX when it does not fit.
 */
export function leaveMessage(switchboard: Switchboard, slot: number, message: Message): void {
  switchboard.writeMailbox(slot, [...waiting(switchboard, slot), message]);
}

/** Takes back the messages of one kind that the OS in `slot` has not read yet. */
export function withdrawMessages(switchboard: Switchboard, slot: number, kind: Message['kind']): void {
  const rest = waiting(switchboard, slot).filter((message) => message.kind !== kind);
  switchboard.writeMailbox(slot, rest.length === 0 ? null : rest);
}

/** Takes this OS's messages out of its mailbox, oldest first. Throws E_MAILBOX; bad ones are taken out as well. */
export function takeMessages(switchboard: Switchboard, slot: number): Message[] {
  try {
    return decodeMailbox(switchboard.readMailbox(slot));
  } finally {
    switchboard.writeMailbox(slot, null);
  }
}

/** The messages of a mailbox's content. Throws E_MAILBOX. */
export function decodeMailbox(json: unknown): Message[] {
  if (json === null) return [];
  const result = mailboxSchema.safeParse(json);
  if (result.success) return result.data;
  throw new TorporError(
    'E_MAILBOX',
    `the message in the mailbox is not valid: ${z.prettifyError(result.error)}`,
    {
      hint: 'use the same release of Torpor in every OS',
    },
  );
}

function waiting(switchboard: Switchboard, slot: number): Message[] {
  try {
    return decodeMailbox(switchboard.readMailbox(slot)).slice(-(MAX_MESSAGES - 1));
  } catch {
    return [];
  }
}
