import * as z from 'zod';
import { TorporError } from '../base/errors.ts';
import { PHYS_ADDR_LIMIT, physAddr } from '../base/units.ts';
import { decodeE820Type } from './e820.ts';
import { parseHex } from './firmware-map.ts';
import type { FirmwareMap, FirmwareRange, FirmwareType } from './memory-plan.ts';
import { normaliseMap } from './normalise-map.ts';

/** The names of e820_print_type() in arch/x86/kernel/e820.c (Linux 6.12). */
const TYPE_OF_NAME: Readonly<Record<string, FirmwareType>> = {
  usable: 'usable',
  reserved: 'reserved',
  'soft reserved': 'soft-reserved',
  'ACPI data': 'acpi',
  'ACPI NVS': 'nvs',
  unusable: 'unusable',
};

/** `{` or `[{`; a line of dmesg may start with `[    0.000000]`. */
const JSON_START = /^\s*(?:\{|\[\s*[{\]])/;
/** With or without a timestamp or a syslog prefix before it. */
const DMESG_LINE = /BIOS-e820: \[mem (0x[0-9a-f]+)-(0x[0-9a-f]+)\] (.+?)\s*$/i;

/**
 * Reads a firmware map from a text: the output of `dmesg`, or JSON as docs/formats/memory-plan.md
 * describes it. Throws E_FIRMWARE_MAP naming what is wrong.
 */
export function parseFirmwareMap(text: string): FirmwareMap {
  return normaliseMap(JSON_START.test(text) ? parseJson(text) : parseDmesg(text));
}

function parseDmesg(text: string): FirmwareRange[] {
  const ranges: FirmwareRange[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const match = DMESG_LINE.exec(line);
    if (match === null) continue;
    const start = parseHex(match[1]!);
    const last = parseHex(match[2]!);
    const type = parseTypeName(match[3]!);
    if (start === null || last === null || last < start || last >= PHYS_ADDR_LIMIT || type === null) {
      throw invalid(`line ${index + 1} is not valid: “${line.trim().slice(0, 120)}”`);
    }
    ranges.push({ start: physAddr(start), end: physAddr(last + 1), type });
  }
  if (ranges.length === 0) throw invalid('there is no line with “BIOS-e820: [mem …]” in the text');
  return ranges;
}

function parseTypeName(name: string): FirmwareType | null {
  if (/^persistent \(type \d+\)$/.test(name)) return 'persistent';
  const code = /^type (\d+)$/.exec(name)?.[1];
  if (code !== undefined) return decodeE820Type(Number(code));
  return Object.hasOwn(TYPE_OF_NAME, name) ? TYPE_OF_NAME[name]! : null;
}

const address = z
  .union([z.number(), z.string().transform((text) => parseHex(text) ?? Number.NaN)])
  .refine(
    (value) => Number.isSafeInteger(value) && value >= 0 && value <= PHYS_ADDR_LIMIT,
    'not a physical address',
  )
  .transform((value) => physAddr(value));
const types = ['usable', 'reserved', 'acpi', 'nvs', 'unusable', 'persistent', 'soft-reserved'] as const;
const list = z
  .array(
    z
      .object({ start: address, end: address, type: z.enum(types) })
      .refine((range) => range.start < range.end, 'the range is empty'),
  )
  .min(1);
const schema = z.union([list, z.object({ firmware: list }).transform((value) => value.firmware)]);

function parseJson(text: string): FirmwareRange[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(`it is not valid JSON: ${(cause as Error).message}`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = deepestIssue(result.error.issues[0]!);
  throw invalid(`${issue.path.join('.') || 'the top level'}: ${issue.message}`);
}

/** The issue of the alternative that got furthest. */
function deepestIssue(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue;
  const inner = issue.errors.flat().map(deepestIssue);
  return inner.toSorted((a, b) => b.path.length - a.path.length)[0] ?? issue;
}

function invalid(why: string): TorporError {
  return new TorporError('E_FIRMWARE_MAP', `the firmware map cannot be read: ${why}`, {
    facts: { reason: why },
    hint: 'give the output of `dmesg`, or JSON as in docs/formats/memory-plan.md',
  });
}
