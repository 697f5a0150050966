import { spawnSync } from 'node:child_process';
import { PAGE_BYTES } from '../../../src/base/units.ts';

/** `  Free blocks: 5-9, 12`, of one group (dumpe2fs(8)). */
const FREE_LINE = /^ {2}Free blocks: (.+)$/gm;

/**
 * Pages of a disk in which an ext4 filesystem at rest uses no block, as e2fsprogs say: what a test knows of a
 * disk without asking Torpor.
 */
export function freePagesOf(disk: string): Set<number> {
  const { stdout, stderr, status } = spawnSync('dumpe2fs', [disk], {
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  const blockBytes = Number(/^Block size: +(\d+)$/m.exec(stdout)?.[1]);
  if (status !== 0 || !(blockBytes > 0)) throw new Error(`dumpe2fs ${disk}: ${stderr}`);
  if (/needs_recovery/.test(stdout)) throw new Error(`the filesystem on ${disk} is not at rest`);
  const blocks = PAGE_BYTES / blockBytes;
  const found = new Map<number, number>();
  for (const [, list] of stdout.matchAll(FREE_LINE)) {
    for (const run of list!.split(', ')) {
      const [first, last = first] = run.split('-').map(Number);
      for (let block = first!; block <= last!; block += 1) {
        const page = Math.floor(block / blocks);
        found.set(page, (found.get(page) ?? 0) + 1);
      }
    }
  }
  return new Set([...found].flatMap(([page, count]) => (count >= blocks ? [page] : [])));
}
