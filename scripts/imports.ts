/** One import of a TypeScript file. */
export interface Import {
  /** As written; null when a dynamic import computes it. */
  readonly specifier: string | null;
  /** `type` vanishes when types are stripped; `dynamic` is an `import()`. */
  readonly kind: 'value' | 'type' | 'dynamic';
  /** From 1. */
  readonly line: number;
}

// Biome's formatter guarantees what these rely on: statements begin a line, quotes are single.
const STATEMENT = /^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^'\n]+)'/gm;
const DYNAMIC = /(?<![\w.])import\(\s*(?:'([^'\n]+)'\s*\))?/g;
const COMMENT = /\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm;

/** Finds the `import`, `export … from` and `import()` of a formatted TypeScript file, in order of lines. */
export function parseImports(text: string): Import[] {
  // Comments keep their line ends, so that lines stay right.
  const code = text.replace(COMMENT, (comment) => comment.replace(/[^\n]/g, ' '));
  const lineAt = (index: number): number => code.slice(0, index).split('\n').length;
  const statements = code.matchAll(STATEMENT).map((match): Import => {
    return { specifier: match[2]!, kind: match[1] ? 'type' : 'value', line: lineAt(match.index) };
  });
  const dynamic = code.matchAll(DYNAMIC).map((match): Import => {
    return { specifier: match[1] ?? null, kind: 'dynamic', line: lineAt(match.index) };
  });
  return [...statements, ...dynamic].toSorted((a, b) => a.line - b.line);
}
