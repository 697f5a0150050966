import type { ExecOptions } from '../../lab/machine/agent-calls.ts';
import { SurvivalError } from './program.ts';
import type { SurvivalMachine } from './survival-machine.ts';

export type OsKind = 'busybox' | 'debian12' | 'debian13';

/** In RAM, in every OS. */
export const RAM = '/run/survival';
/** On the OS's own disk. */
export const DISK = '/var/lib/survival';

/** Beside a compiler and two loops that never end, on processors that take turns, a command takes its time. */
const COMMAND_MS = 480_000;
/** One that takes longer may hang: what all programs wait for then is part of its failure. */
const SLOW_MS = 150_000;
const LOOK = `for p in /proc/[1-9]*; do [ -n "$(tr -d '\\0' <$p/cmdline)" ] || continue
  echo "$p $(tr '\\0' ' ' <$p/cmdline | cut -c 1-100)"; cut -d ' ' -f 3 $p/stat; cat $p/wchan; echo; cat $p/syscall; done 2>/dev/null`;

/** One OS of a machine, as a survival program sees it. All calls are for when it runs. */
export class GuestOs {
  readonly machine: SurvivalMachine;
  readonly name: string;
  readonly kind: OsKind;

  private constructor(machine: SurvivalMachine, name: string, kind: OsKind) {
    this.machine = machine;
    this.name = name;
    this.kind = kind;
  }

  /** Looks at the OS that runs now and makes the programs' directories. */
  static async look(machine: SurvivalMachine, name: string): Promise<GuestOs> {
    const script = `mkdir -p ${RAM} ${DISK}; cat /etc/os-release 2>/dev/null || true`;
    const release = (await machine.exec(['sh', '-c', script])).stdout.toString();
    const codename = /^VERSION_CODENAME=(\w+)$/m.exec(release)?.[1];
    const kind = codename === 'bookworm' ? 'debian12' : codename === 'trixie' ? 'debian13' : 'busybox';
    return new GuestOs(machine, name, kind);
  }

  /** Runs a shell script and returns its output, trimmed. Throws SurvivalError with what it said. */
  async sh(script: string, options: ExecOptions = {}): Promise<string> {
    let look = '';
    const slow = setTimeout(async () => {
      const seen = await this.machine.exec(['sh', '-c', LOOK]).catch((error) => ({ stdout: error }));
      look = `\n-- after ${SLOW_MS / 1000} s:\n${seen.stdout}`;
    }, SLOW_MS);
    const { exit, stdout, stderr } = await this.machine
      .exec(['sh', '-c', script], { timeoutMs: COMMAND_MS, ...options })
      .catch((error) => {
        throw new SurvivalError(`${error}${look}`);
      })
      .finally(() => clearTimeout(slow));
    if (exit === 0) return stdout.toString().trim();
    const said = `${stdout}\n${stderr}`.trim().split('\n').slice(-60).join('\n');
    throw new SurvivalError(
      `a script ended with status ${exit} in ${this.name}: ${said}\n--\n${script}${look}`,
    );
  }

  /** Writes a file, of any size. */
  async write(path: string, content: string): Promise<void> {
    await this.sh(`cat >${path}`, { stdin: Buffer.from(content) });
  }
}
