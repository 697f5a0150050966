import { access, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TorporError } from '../../src/base/errors.ts';
import { cached } from '../build/cache.ts';
import { debianMirror } from '../build/debian-archive.ts';
import type { ReportBuild } from '../build/progress.ts';
import { runProcess } from '../build/run-process.ts';

/**
 * `stock…`: with Debian's own kernel and the tools that make its initramfs; `stock…-survival`: with what the
 * survival programs of that release need, too; `stock…-dracut`: its initramfs is made by dracut.
 */
export type DebianKind = 'debian12' | 'debian13' | StockKind;
export type StockKind = 'stock12' | 'stock13' | 'stock12-survival' | 'stock13-survival' | 'stock13-dracut';

interface DebianRecipe {
  readonly suite: string;
  readonly packages: readonly string[];
}

const COMMON_PACKAGES = [
  ...['systemd-sysv', 'udev', 'dbus', 'login', 'util-linux', 'procps', 'e2fsprogs'],
  ...['openssh-server', 'iproute2', 'curl', 'tmux', 'nano', 'sqlite3', 'python3-minimal'],
];

const STOCK_BASE = [
  ...['systemd-sysv', 'udev', 'dbus', 'kmod', 'util-linux', 'procps', 'e2fsprogs', 'linux-image-amd64'],
  ...['zstd', 'openssh-server', 'sqlite3', 'python3-minimal'],
];
const STOCK_PACKAGES = [...STOCK_BASE, 'initramfs-tools'];

export const DEBIAN_RECIPES: Readonly<Record<DebianKind, DebianRecipe>> = {
  debian12: { suite: 'bookworm', packages: [...COMMON_PACKAGES, 'postgresql'] },
  debian13: { suite: 'trixie', packages: [...COMMON_PACKAGES, 'gcc', 'libc6-dev', 'make'] },
  stock12: { suite: 'bookworm', packages: STOCK_PACKAGES },
  stock13: { suite: 'trixie', packages: STOCK_PACKAGES },
  'stock12-survival': {
    suite: 'bookworm',
    packages: [...STOCK_PACKAGES, 'tmux', 'nano', 'postgresql'],
  },
  'stock13-survival': {
    suite: 'trixie',
    packages: [...STOCK_PACKAGES, 'tmux', 'nano', 'gcc', 'libc6-dev'],
  },
  'stock13-dracut': { suite: 'trixie', packages: [...STOCK_BASE, 'dracut'] },
};

/** Files that packages bring and the lab has no use for. */
const EXCLUDED = [
  ...['man', 'doc', 'locale', 'i18n', 'info', 'lintian', 'bug'].map((name) => `/usr/share/${name}/*`),
  // LLVM, which compiles PostgreSQL's queries only with jit=on.
  ...['/usr/lib/*/libLLVM*', '/usr/lib/llvm-*', '/usr/lib/*/libz3.so*'],
  ...['/usr/lib/postgresql/*/lib/bitcode/*', '/usr/lib/postgresql/*/lib/llvmjit*'],
  // Link-time optimisation and sanitizers of gcc.
  ...['/usr/libexec/gcc/*/lto1', '/usr/lib/*/lib[alth]*san.so*', '/usr/lib/gcc/*/lib[alth]*san*'],
  ...['/usr/lib/udev/hwdb.d/*', '/usr/lib/*/perl/*/CORE/*'],
];

/** Removed after the installation: traces of the building machine, and what is written anew at boot. */
export const DEBIAN_REMOVED = ['etc/hostname', 'etc/dpkg/dpkg.cfg.d/99mmdebstrap', 'usr/lib/udev/hwdb.bin'];

/** Work that disturbs measurements, and the loading of modules: the lab's kernels have none. */
const MASKED_UNITS = [
  ...['apt-daily.timer', 'apt-daily-upgrade.timer', 'dpkg-db-backup.timer', 'fstrim.timer'],
  ...['e2scrub_all.timer', 'e2scrub_reap.service', 'systemd-hwdb-update.service'],
  ...['configfs', 'dm_mod', 'drm', 'efi_pstore', 'fuse', 'loop'].map((name) => `modprobe@${name}.service`),
];

/** The tar archive of a freshly installed Debian, whole with users, host keys and a database cluster. */
export async function ensureDebianArchive(kind: DebianKind, report: ReportBuild): Promise<string> {
  const { suite, packages } = DEBIAN_RECIPES[kind];
  const options = [
    '--variant=minbase',
    '--mode=auto',
    '--format=tar',
    '--components=main',
    '--keyring=/usr/share/keyrings/debian-archive-keyring.gpg',
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=Acquire::Retries "3"',
    '--dpkgopt=force-unsafe-io',
    ...EXCLUDED.map((path) => `--dpkgopt=path-exclude=${path}`),
    `--include=${packages.join(',')}`,
  ];
  const place = await cached(
    'debian',
    { suite, options },
    async (directory) => {
      report({ step: `install ${kind}` });
      await requireUserMapping();
      const args = [...options, suite, join(directory, 'root.tar'), await debianMirror()];
      await runProcess('mmdebstrap', args, {
        env: { LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive' },
        onLine: (line) => {
          const step = /^I: ([a-z].*?)\.*$/.exec(line)?.[1];
          if (step !== undefined && !step.includes('/tmp')) report({ step: `${kind}: ${step}` });
        },
      });
    },
    report,
  );
  return join(place, 'root.tar');
}

/** Puts into the stage what is not a file of the overlay. */
export async function stageDebian(stage: string): Promise<void> {
  for (const unit of MASKED_UNITS) {
    const path = join(stage, 'etc/systemd/system', unit);
    await mkdir(dirname(path), { recursive: true });
    await symlink('/dev/null', path);
  }
  // Newer than /usr, so that the first boot does not take the system for one that was just updated.
  for (const name of ['etc', 'var']) {
    await mkdir(join(stage, name), { recursive: true });
    await writeFile(join(stage, name, '.updated'), '');
  }
}

/** Without root, mmdebstrap works in a user namespace with many users; newuidmap lends them. */
async function requireUserMapping(): Promise<void> {
  if (process.getuid?.() === 0) return;
  await access('/usr/bin/newuidmap').catch((cause: unknown) => {
    throw new TorporError('E_LAB_MISSING', 'installing Debian without root needs newuidmap', {
      facts: { path: '/usr/bin/newuidmap' },
      hint: 'apt install uidmap and give this user lines in /etc/subuid and /etc/subgid, or run as root',
      cause,
    });
  });
}
