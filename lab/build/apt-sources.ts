/** One `deb` line or stanza of apt's sources, as far as the lab needs it (sources.list(5)). */
export interface AptSource {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly signedBy: string | undefined;
}

/** The enabled binary sources of a one-line-style file (`deb [options] uri suite component...`). */
export function parseListFile(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (match === null) return [];
    const [, options = '', uri, suite, components] = match;
    return [
      {
        uri: uri!,
        suites: [suite!],
        components: words(components),
        signedBy: /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1],
      },
    ];
  });
}

/** The enabled binary sources of a deb822-style file (stanzas of `Types:`, `URIs:`, ...). */
export function parseSourcesFile(text: string): AptSource[] {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .split(/\n\s*\n/)
    .flatMap((stanza) => {
      const unfolded = stanza.replaceAll(/\n[ \t]+/g, ' ');
      const field = (name: string): string | undefined =>
        new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(unfolded)?.[1]?.trim();
      if (!words(field('Types')).includes('deb') || /^(no|false|0|off)$/i.test(field('Enabled') ?? ''))
        return [];
      return words(field('URIs')).map((uri) => ({
        uri,
        suites: words(field('Suites')),
        components: words(field('Components')),
        signedBy: field('Signed-By'),
      }));
    });
}

const SUITES = /^(bullseye|bookworm|trixie|forky|sid|oldoldstable|oldstable|stable|testing|unstable)$/;

/**
 * Is this the whole Debian archive? Third parties use Debian's suite names too, and the security
 * archive holds no other suites.
 */
export function isDebianArchive(source: AptSource): boolean {
  if (!source.components.includes('main') || !source.suites.some((suite) => SUITES.test(suite))) return false;
  const named = /(^|\/)debian(\.list)?\/?$/.test(source.uri);
  return named || (source.signedBy?.includes('debian-archive-') ?? false);
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter((word) => word !== '');
}
