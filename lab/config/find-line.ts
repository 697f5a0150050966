/**
 * The 1-based line of a key in a TOML text, for messages: `['os', 1, 'memory']` is the line of
 * `memory` below the second `[[os]]`. A key that is not written there yields its table's line,
 * an unknown table line 1. Good enough for the flat tables of the lab; it never throws.
 */
export function findLine(text: string, key: readonly PropertyKey[]): number {
  const [table, ...rest] = key.map(String);
  if (table === undefined) return 1;
  const wantedIndex = /^\d+$/.test(rest[0] ?? '') ? Number(rest.shift()) : 0;
  const wantedKey = rest[0];
  const lines = text.split('\n');
  let tableLine = 0;
  let seen = -1;
  for (const [index, line] of lines.entries()) {
    const header = /^\s*\[\[?\s*["']?([^"'\]\s]+)["']?\s*\]/.exec(line);
    if (header !== null) {
      if (tableLine > 0) break;
      if (header[1] === table) {
        seen += 1;
        if (seen === wantedIndex) tableLine = index + 1;
      }
      continue;
    }
    const name = /^\s*["']?([\w-]+)["']?\s*=/.exec(line)?.[1];
    if (name === undefined) continue;
    if (tableLine > 0 ? name === wantedKey : seen < 0 && name === table) return index + 1;
  }
  return tableLine > 0 ? tableLine : 1;
}
