import { readFileSync } from 'node:fs';

const listing = readFileSync(new URL('../../asm/trampoline.lst', import.meta.url), 'utf8');

/** Offset of a label in the trampoline's page. */
export function labelOffset(name: string): number {
  return addressOf(name) - addressOf('stub_end');
}

function addressOf(name: string): number {
  const match = new RegExp(`^([0-9a-f]{16}) <${name}>:$`, 'm').exec(listing);
  if (match === null) throw new Error(`asm/trampoline.lst has no ${name}`);
  return Number.parseInt(match[1]!, 16);
}
