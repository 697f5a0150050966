import type { SnapshotEntry } from './snapshot.ts';

/** A snapshot and those that were compared with it. */
export interface TreeNode {
  readonly snapshot: SnapshotEntry;
  /** Its parent was removed from the bank. */
  readonly orphaned: boolean;
  readonly children: readonly TreeNode[];
}

/** What came from what, oldest first on every level. Entries whose parents form a ring stand alone. */
export function planTree(entries: readonly SnapshotEntry[]): TreeNode[] {
  const known = new Set(entries.map(({ id }) => id));
  const placed = new Set<string>();
  const nodeOf = (snapshot: SnapshotEntry): TreeNode => {
    placed.add(snapshot.id);
    const children = entries.filter((entry) => entry.parent === snapshot.id && !placed.has(entry.id));
    const orphaned = snapshot.parent !== null && !known.has(snapshot.parent);
    return { snapshot, orphaned, children: children.map(nodeOf) };
  };
  const roots = entries.filter(({ parent }) => parent === null || !known.has(parent)).map(nodeOf);
  for (const entry of entries) if (!placed.has(entry.id)) roots.push(nodeOf(entry));
  return roots;
}
