import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { SnapshotEntry } from './snapshot.ts';
import { planTree, type TreeNode } from './tree.ts';

const entryOf = (id: string, parent: string | null): SnapshotEntry => ({
  id,
  digest: `sha256:${id}`,
  manifestBytes: 1,
  os: 'tiny',
  tag: id,
  reference: `tiny@${id}`,
  note: '',
  createdMs: 0,
  parent,
});

const outline = (nodes: readonly TreeNode[]): string =>
  nodes
    .map(({ snapshot, orphaned, children }) => `${snapshot.tag}${orphaned ? '?' : ''}(${outline(children)})`)
    .join(' ');

test('children stand under their parents, those without at the top', () => {
  const entries = [
    entryOf('a', null),
    entryOf('b', 'a'),
    entryOf('c', 'a'),
    entryOf('d', 'c'),
    entryOf('e', 'gone'),
  ];
  assert.equal(outline(planTree(entries)), 'a(b() c(d())) e?()');
});

test('every snapshot stands once, whatever the parents', () => {
  const count = 6;
  fc.assert(
    fc.property(
      fc.array(fc.option(fc.nat({ max: count })), { minLength: count, maxLength: count }),
      (parents) => {
        const entries = parents.map((parent, at) =>
          entryOf(String(at), parent === null ? null : String(parent)),
        );
        const seen = outline(planTree(entries)).match(/\d/g) ?? [];
        assert.deepEqual(
          seen.toSorted(),
          entries.map(({ id }) => id),
        );
      },
    ),
  );
});
