/** What is known of versions whose code cannot be looked at. */
interface VersionVerdict {
  readonly verdict: 'sound' | 'unsound' | 'unknown';
  /** Where that comes from. */
  readonly source: string;
}

/**
 * Whether a kernel release loads its GDT on return from a jump, by its number. The last resort:
 * distributions take fixes over without taking the number over.
 */
export function judgeJumpPathByVersion(release: string): VersionVerdict {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(release);
  if (match === null) return { verdict: 'unknown', source: 'the release is not a version' };
  const [major, minor, patch] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  if (major > 6 || (major === 6 && minor >= 13)) {
    return { verdict: 'sound', source: 'fixed in v6.13-rc (arch/x86/kernel/relocate_kernel_64.S)' };
  }
  if (major === 6 && minor === 12 && patch >= 5) {
    return { verdict: 'sound', source: 'fixed in 6.12.5 (stable review, 12 December 2024, 6.12 183/466)' };
  }
  if (major === 6 && minor === 1 && patch <= 192) {
    return { verdict: 'unsound', source: 'relocate_kernel_64.S of 6.1.192, lines 232-254: no lgdt' };
  }
  return { verdict: 'unknown', source: 'no source of this version was read' };
}
