interface CommandLine {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string | undefined;
  /** Variables added to the environment; undefined unsets one. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** The same command as text that a POSIX shell runs unchanged: for error facts and logs. */
export function renderCommandLine({ command, args, cwd, env = {} }: CommandLine): string {
  const unset = Object.keys(env).filter((name) => env[name] === undefined);
  const set = Object.entries(env).filter(([, value]) => value !== undefined);
  const words = [command, ...args].map(quote);
  if (unset.length + set.length > 0) {
    words.unshift(
      'env',
      ...unset.flatMap((name) => ['-u', name]),
      ...set.map(([k, v]) => `${k}=${quote(v!)}`),
    );
  }
  const line = words.join(' ');
  return cwd === undefined ? line : `cd ${quote(cwd)} && ${line}`;
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
