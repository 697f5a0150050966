import { TorporError } from '../../src/base/errors.ts';
import { runProcess } from '../build/run-process.ts';

/** Program → the Debian package that has it. */
const PROGRAMS: Readonly<Record<string, string>> = {
  make: 'make',
  gcc: 'gcc',
  ld: 'binutils',
  flex: 'flex',
  bison: 'bison',
  bc: 'bc',
  lz4: 'lz4',
  xz: 'xz-utils',
  tar: 'tar',
  'dpkg-deb': 'dpkg',
  'apt-get': 'apt',
};

/** objtool, a part of the kernel's build, is made against libelf. */
const HEADER_PROBE = '#include <gelf.h>\n';

/** Throws E_LAB_MISSING, naming every Debian package that building a kernel needs and is not there. */
export async function requireToolchain(): Promise<void> {
  const script = 'for program in "$@"; do command -v "$program" >/dev/null || echo "$program"; done';
  const { stdout } = await runProcess('sh', ['-c', script, 'sh', ...Object.keys(PROGRAMS)]);
  const programs = stdout.split('\n').filter((line) => line !== '');
  const packages = programs.map((program) => PROGRAMS[program]!);
  if (!programs.includes('gcc')) {
    const probe = await runProcess('gcc', ['-fsyntax-only', '-xc', '-'], {
      input: HEADER_PROBE,
      accept: [0, 1],
    });
    if (probe.exitCode !== 0) packages.push('libelf-dev');
  }
  if (packages.length === 0) return;
  throw new TorporError('E_LAB_MISSING', `building a kernel needs ${packages.join(', ')}`, {
    facts: { packages },
    hint: `apt install ${packages.join(' ')}`,
  });
}

/** What of the toolchain decides over the built bytes: the first line that gcc and ld say of themselves. */
export async function describeToolchain(): Promise<{ readonly gcc: string; readonly ld: string }> {
  const firstLine = async (program: string): Promise<string> =>
    (await runProcess(program, ['--version'], { env: { LC_ALL: 'C' } })).stdout.split('\n')[0]!;
  return { gcc: await firstLine('gcc'), ld: await firstLine('ld') };
}
