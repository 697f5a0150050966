/** Checks for texts that must not be in the product. */
import { runStandalone } from './run-steps.ts';
import { readSourceFiles, type SourceFile } from './source-files.ts';

const FORBIDDEN = [
  {
    pattern: /\b(TODO|FIXME|XXX|HACK)\b/,
    folders: ['src', 'lab', 'bin', 'asm'],
    why: 'finish it or open an issue',
  },
  { pattern: /\/work\//, folders: ['src', 'lab', 'bin', 'asm', 'tests'], why: 'a path of one machine' },
  // Not in the lab and its tests: /root is a folder of the OSes that they build.
  { pattern: /\/root\//, folders: ['src', 'bin', 'asm'], why: 'a path of one machine' },
] as const;

/** One problem a line, as `path:line text: why`. */
export function checkWords(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const rules = FORBIDDEN.filter((rule) =>
      rule.folders.some((folder) => file.path.startsWith(`${folder}/`)),
    );
    return file.text.split('\n').flatMap((line, index) => {
      return rules.flatMap((rule) => {
        const found = rule.pattern.exec(line);
        return found === null ? [] : [`${file.path}:${index + 1} “${found[0]}”: ${rule.why}`];
      });
    });
  });
}

/** Checks the repository. */
export function checkRepositoryWords(): string[] {
  return checkWords(readSourceFiles(['asm', 'bin', 'src', 'lab', 'tests']));
}

if (import.meta.main) runStandalone(checkRepositoryWords);
