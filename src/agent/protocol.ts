import * as z from 'zod';
import { switchReportSchema } from '../engine/resident/switch-report.ts';

/**
 * What travels between a console host (the lab, or a person's other machine) and the agent of the
 * OS that runs, over a serial line: one JSON object a line, each line led by RS (0x1e) so that a
 * reader finds the next one after lost bytes. docs/formats/agent.md describes it.
 *
 * A serial line can lose bytes around a switch, so every request is acknowledged; the host sends it
 * again with the same id until it is, and the agent carries out an id once.
 */
export const RECORD_SEPARATOR = '\x1e';
/** Longest line that either side accepts. */
export const MAX_LINE_BYTES = 64 * 1024;
/** Bytes of a program's output in one line, before base64. */
export const OUTPUT_CHUNK_BYTES = 1024;
/** Bytes of a program's input in one line, before base64. */
export const INPUT_CHUNK_BYTES = 16 * 1024;

const id = z.number().int().nonnegative();

export const requestSchema = z.discriminatedUnion('op', [
  z.object({ id, op: z.literal('ping') }),
  z.object({
    id,
    op: z.literal('exec'),
    argv: z.array(z.string()).min(1),
    /** Its standard input comes by `input`; without, it is empty. */
    input: z.literal(true).optional(),
    timeoutMs: z.number().int().positive().optional(),
  }),
  z.object({ id, op: z.literal('input'), of: id, /** base64 */ data: z.string(), end: z.boolean() }),
  z.object({ id, op: z.literal('switch'), target: z.string() }),
  z.object({ id, op: z.literal('cancel'), of: id }),
]);
export type AgentRequest = z.infer<typeof requestSchema>;

const fact = z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]);
export const wireErrorSchema = z.object({
  code: z.string(),
  message: z.string(),
  facts: z.record(z.string(), fact),
  hint: z.string().nullable(),
});

export const messageSchema = z.union([
  z.object({ id, ack: z.literal(true) }),
  /** ping: {os, bootId, lastSwitch, running}; exec: {exit, signal, outBytes, errBytes} */
  z.object({ id, ok: z.record(z.string(), z.unknown()) }),
  z.object({ id, error: wireErrorSchema }),
  z.object({ id, out: z.string(), stream: z.union([z.literal(1), z.literal(2)]) }),
  /** The agent has started. */
  z.object({ event: z.literal('up'), os: z.string(), bootId: z.string() }),
  /** This OS runs again, or for the first time. */
  z.object({ event: z.literal('arrived'), os: z.string(), report: switchReportSchema }),
]);
export type AgentMessage = z.infer<typeof messageSchema>;

/** One line for the wire, which carries bytes: only ASCII, all else as JSON's \u escapes. */
export function encodeLine(message: AgentMessage | AgentRequest): string {
  const json = JSON.stringify(message).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `${RECORD_SEPARATOR}${json}\n`;
}

/** Cuts a byte stream into the JSON values of its whole lines; damaged lines are dropped. */
export class LineDecoder {
  #pending = '';

  push(chunk: string): unknown[] {
    this.#pending += chunk;
    const lines = this.#pending.split('\n');
    this.#pending = lines.pop()!.slice(-MAX_LINE_BYTES);
    return lines.flatMap((line) => {
      const start = line.lastIndexOf(RECORD_SEPARATOR);
      if (start < 0) return [];
      try {
        return [JSON.parse(line.slice(start + 1))];
      } catch {
        return [];
      }
    });
  }
}
