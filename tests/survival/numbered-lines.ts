import type { GuestOs } from './guest-os.ts';

/**
 * How many whole lines `NONCE NUMBER` a file has; throws when one is damaged, missing or doubled.
 * The last one may be in the making.
 */
export async function countLines(os: GuestOs, path: string, nonce: string): Promise<number> {
  const check = `$1 != "${nonce}" || $2 != NR { print "line " NR " is damaged: " $0; exit 1 } END { print NR }`;
  const output = await os.sh(`head -c $(($(wc -c <${path}) / 1)) ${path} | sed '$d' | awk '${check}'`);
  return Number(output);
}
