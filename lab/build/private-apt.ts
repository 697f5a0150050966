import { access, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TorporError } from '../../src/base/errors.ts';
import { cacheRoot, hashInputs } from './cache.ts';
import { debianMirror } from './debian-mirror.ts';
import { withLock } from './lock.ts';
import type { ReportBuild } from './progress.ts';
import { runProcess } from './run-process.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const ARCHITECTURE = 'amd64';
/** What a suite holds is looked up again after this time, or when a package is gone. */
const LISTS_FRESH_MS = 7 * 24 * 3600 * 1000;

/** An apt of the lab's own for one suite: own lists, own keys, own state, no root needed. */
export interface PrivateApt {
  readonly suite: string;
  readonly mirror: string;
  /** Brings the lists up to date; without `force` only when they are missing or a week old. */
  update(report: ReportBuild, options?: { force?: boolean; signal?: AbortSignal | undefined }): Promise<void>;
  /** Runs `apt-get` or `apt-cache` on this apt's state. */
  run(program: 'apt-get' | 'apt-cache', args: readonly string[], options?: RunAptOptions): Promise<string>;
}

interface RunAptOptions {
  readonly cwd?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Opens (and makes, where it is missing) the private apt of `suite` in the cache. */
export async function openPrivateApt(suite: string): Promise<PrivateApt> {
  await access(KEYRING).catch((cause: unknown) => {
    throw new TorporError('E_LAB_MISSING', "Debian's archive keys are not on this machine", {
      facts: { path: KEYRING },
      hint: 'apt install debian-archive-keyring',
      cause,
    });
  });
  const mirror = await debianMirror();
  const root = join(cacheRoot(), 'apt', `${suite}-${hashInputs({ mirror }).slice(0, 8)}`);
  const stamp = join(root, 'updated');
  const config = join(root, 'apt.conf');
  for (const directory of ['etc', 'empty', 'archives/partial', 'lists/partial', 'state']) {
    await mkdir(join(root, directory), { recursive: true });
  }
  await writeFile(join(root, 'status'), '');
  await writeFile(
    join(root, 'etc/sources.list'),
    `deb [arch=${ARCHITECTURE} signed-by=${KEYRING}] ${mirror} ${suite} main\n`,
  );
  await writeFile(config, renderConfig(root, await readProxySettings()));

  const run: PrivateApt['run'] = async (program, args, options = {}) => {
    const env = { APT_CONFIG: config, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
    return (await runProcess(program, args, { ...options, env })).stdout;
  };
  return {
    suite,
    mirror,
    run,
    async update(report, { force = false, signal } = {}) {
      await withLock(
        join(root, 'update.lock'),
        async () => {
          const updatedAt = (await stat(stamp).catch(() => undefined))?.mtimeMs;
          if (!force && updatedAt !== undefined && Date.now() - updatedAt < LISTS_FRESH_MS) return;
          report({ step: `read Debian's package list of ${suite}` });
          try {
            await run('apt-get', ['update', '--error-on=any'], { signal });
            await writeFile(stamp, '');
          } catch (error) {
            // Offline with older lists: they still name what the cache holds.
            if (force || updatedAt === undefined || signal?.aborted) throw error;
            report({ step: `the package list of ${suite} stays as it was: ${(error as Error).message}` });
          }
        },
        { report, signal },
      );
    },
  };
}

/** Read before the machine's own configuration, of which it then leaves nothing in force. */
function renderConfig(root: string, proxySettings: readonly string[]): string {
  return `${[
    `Dir "/";`,
    `Dir::Etc::main "${root}/empty/none";`,
    `Dir::Etc::parts "${root}/empty";`,
    `Dir::Etc::sourcelist "${root}/etc/sources.list";`,
    `Dir::Etc::sourceparts "${root}/empty";`,
    `Dir::Etc::preferences "${root}/empty/none";`,
    `Dir::Etc::preferencesparts "${root}/empty";`,
    `Dir::Etc::trusted "${root}/empty/none";`,
    `Dir::Etc::trustedparts "${root}/empty";`,
    `Dir::State "${root}/state";`,
    `Dir::State::lists "${root}/lists";`,
    `Dir::State::status "${root}/status";`,
    `Dir::State::extended_states "${root}/state/extended_states";`,
    `Dir::Cache "${root}";`,
    `Dir::Cache::archives "${root}/archives";`,
    `Dir::Log "${root}/state";`,
    `APT::Architecture "${ARCHITECTURE}";`,
    `APT::Architectures { "${ARCHITECTURE}"; };`,
    `APT::Sandbox::User "";`,
    `Acquire::Languages "none";`,
    `Acquire::PDiffs "false";`,
    // A frozen mirror stays usable; signatures are checked all the same.
    `Acquire::Check-Valid-Until "false";`,
    `Acquire::Retries "3";`,
    `Acquire::http::Timeout "60";`,
    ...proxySettings,
  ].join('\n')}\n`;
}

/** How this machine reaches the network is the one thing of its apt configuration that counts here too. */
async function readProxySettings(): Promise<string[]> {
  const dump = (await runProcess('apt-config', ['dump'])).stdout;
  return dump.split('\n').filter((line) => /^Acquire::https?::(Proxy|Verify|CaInfo)\S* ".+";$/i.test(line));
}
