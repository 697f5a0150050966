import { type ChildProcess, spawn } from 'node:child_process';
import {
  constants,
  copyFileSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { hashFile } from '../../../lab/build/cache.ts';
import { disown, own } from '../../../lab/build/owned-processes.ts';
import { runProcess } from '../../../lab/build/run-process.ts';
import type { ExecOptions, ExecResult } from '../../../lab/machine/agent-calls.ts';
import { openQmp } from '../../../lab/machine/qmp.ts';
import { makeBankDisk } from '../../../lab/rootfs/disk-image.ts';
import { GIB } from '../../../src/base/units.ts';
import type { SurvivalMachine } from '../../survival/survival-machine.ts';
import type { StockDebian } from './debian-stock.ts';
import { scriptsOf } from './script-of.ts';
import { type BegunScript, ScriptPort, type ScriptResult, withDeadline } from './script-port.ts';
import { diskPath, planStockQemu } from './stock-qemu.ts';

/** On a busy host a start or a script takes minutes, and is no worse for it. */
const PATIENCE_MS = 30 * 60_000;
const CONSOLE_TAIL = 6000;

/** A machine with stock Debians: root disks, a bank disk, maybe a parking disk, and a serial port that runs scripts. */
export class StockMachine implements SurvivalMachine {
  /** Both of its processors are one thread of the host. */
  readonly atATime = 3;
  readonly #directory: string;
  readonly #debians: readonly StockDebian[];
  /** Images of its disks, as they are named in its systems: vda, vdb … */
  readonly #disks: string[];
  /** Behind the memory of the systems; none of them uses it, and each sees it as /dev/pmem0. */
  readonly #ramBankMib: number;
  #qemu: ChildProcess | null = null;
  readonly #port = new ScriptPort();
  #onConsole: (line: string) => void = () => {};

  private constructor(
    debians: readonly StockDebian[],
    directory: string,
    disks: string[],
    ramBankMib: number,
  ) {
    this.#debians = debians;
    this.#directory = directory;
    this.#disks = disks;
    this.#ramBankMib = ramBankMib;
  }

  static async make(debian: StockDebian, directory: string): Promise<StockMachine> {
    return await StockMachine.makeWith([debian], directory, 0);
  }

  /** Each Debian on a disk of its own (vda, then vdc …), and a disk (the last) or reserved memory to park on. */
  static async makeWith(
    debians: readonly StockDebian[],
    directory: string,
    parkingBytes: number,
    ramBankMib = 0,
  ): Promise<StockMachine> {
    mkdirSync(directory, { recursive: true });
    // The bank's disk is the second one.
    const disks = [rootName(0), 'bank.img', ...debians.slice(1).map((_, index) => rootName(index + 1))];
    const machine = new StockMachine(debians, directory, disks, ramBankMib);
    for (const [index, { image, initrd }] of debians.entries()) {
      const root = machine.#path(rootName(index));
      await runProcess('cp', ['--reflink=auto', '--sparse=always', image, root]);
      copyFileSync(initrd, machine.#path(initrdName(index)), constants.COPYFILE_FICLONE);
    }
    await makeBankDisk(machine.#path('bank.img'), 3 * GIB);
    if (parkingBytes > 0) await machine.addDisk('parking', parkingBytes);
    return machine;
  }

  /** Adds an empty disk behind all others, there from the next start on. Returns where the systems see it. */
  async addDisk(name: string, sizeBytes: number): Promise<string> {
    await makeEmptyDisk(this.#path(`${name}.img`), sizeBytes);
    this.#disks.push(`${name}.img`);
    return diskPath(this.#disks.length - 1);
  }

  /** Starts one of its systems and waits until it runs scripts. */
  async start(args: readonly string[] = [], which = 0): Promise<void> {
    const up = this.#port.answerOf('up');
    up.catch(() => {});
    await this.powerOn(args, which);
    await withDeadline(up, PATIENCE_MS, 'the machine did not start');
  }

  /** Waits until the machine is off by itself. */
  async off(timeoutMs = PATIENCE_MS): Promise<void> {
    const qemu = this.#qemu;
    if (qemu === null || qemu.exitCode !== null) return;
    const ended = new Promise<void>((resolve) => qemu.once('exit', () => resolve()));
    await withDeadline(ended, timeoutMs, 'the machine did not turn itself off');
    await this.cut();
  }

  /** Starts it only: a system that is restored at its start does not say that it is up. */
  async powerOn(args: readonly string[] = [], which = 0): Promise<void> {
    const scripts = this.#path('commands.sock');
    const plan = planStockQemu({
      kernel: this.#debians[which]!.kernel,
      initrd: this.#path(initrdName(which)),
      disks: this.#disks.map((name) => this.#path(name)),
      rootDisk: this.#disks.indexOf(rootName(which)),
      ramBankMib: this.#ramBankMib,
      scripts,
      qmp: this.#path('qmp.sock'),
      append: args,
    });
    const qemu = spawn('qemu-system-x86_64', plan, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    if (qemu.pid !== undefined) own(qemu.pid);
    this.#qemu = qemu;
    const log = createWriteStream(this.consoleFile, { flags: 'a' });
    qemu.stdout.pipe(log);
    qemu.stderr.pipe(log);
    createInterface({ input: qemu.stdout }).on('line', (line) => this.#onConsole(line));
    qemu.once('exit', () => {
      disown(qemu.pid!);
      if (this.#qemu === qemu) this.#port.giveUp();
    });
    await this.#port.connect(scripts);
  }

  /**
   * Runs a script and waits for its answer. A system that was restored to the middle of a script answers
   * that one again.
   */
  async run(script: string, timeoutMs = PATIENCE_MS): Promise<ScriptResult> {
    return await this.begin(script, timeoutMs).result;
  }

  /** The same, not waited for. */
  begin(script: string, timeoutMs = PATIENCE_MS): BegunScript {
    return this.#port.begin(script, timeoutMs);
  }

  /** Waits until an earlier script answers for another time. Throws what the machine says of itself when it does not. */
  async again(id: string, timeoutMs = PATIENCE_MS): Promise<ScriptResult> {
    try {
      return await withDeadline(this.#port.answerOf(id), timeoutMs, `nobody came back to script ${id}`);
    } catch (cause) {
      throw new Error(`nobody came back to script ${id}\n${await this.examine()}`, { cause });
    }
  }

  /** Starts a script that replaces the system, and waits for the one that comes back to an earlier script. */
  async replaceBy(id: string, script: string): Promise<ScriptResult> {
    return await this.arrive(id, this.begin(script).result);
  }

  /** Waits for the system that comes back to an earlier script; throws when the script that leaves for it ends. */
  async arrive(id: string, leaving: Promise<ScriptResult>): Promise<ScriptResult> {
    const back = this.again(id);
    back.catch(() => {});
    const refused = leaving.then(({ status, output }) => {
      throw new Error(`the script that leaves ended with ${status}: ${output}`);
    });
    // It ends one day, when somebody has come back to it.
    refused.catch(() => {});
    return await Promise.race([back, refused]);
  }

  /** Starts the machine into a restore that waits, and waits for the system that comes back to an earlier script. */
  async powerOnInto(id: string, which = 0, args: readonly string[] = []): Promise<ScriptResult> {
    const back = this.again(id);
    back.catch(() => {});
    const anew = this.#port.answerOf('up').then(() => {
      throw new Error('the machine started anew instead of being restored');
    });
    anew.catch(() => {});
    await this.powerOn(args, which);
    return await Promise.race([back, anew]);
  }

  /** Its systems are called after their releases. */
  async ping(): Promise<{ readonly os: string; readonly bootId: string }> {
    const script = '. /etc/os-release; echo "debian$VERSION_ID $(cat /proc/sys/kernel/random/boot_id)"';
    const [os = '', bootId = ''] = (await this.run(script)).output.split(' ');
    return { os, bootId };
  }

  /** What the program complains of is in its output, behind all else, when it fails. */
  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    const { stdin = new Uint8Array() } = options;
    if (!(stdin instanceof Uint8Array)) throw new Error('this machine takes its input whole');
    const timeoutMs = Math.max(PATIENCE_MS, options.timeoutMs ?? 0);
    const scripts = scriptsOf(argv, stdin);
    for (const script of scripts.slice(0, -1)) await this.run(script, timeoutMs);
    const { status, output } = await this.run(scripts.at(-1)!, timeoutMs);
    return { exit: status, stdout: Buffer.from(output), stderr: Buffer.alloc(0) };
  }

  sshOf(): null {
    return null;
  }

  /** What the systems say on their console, line by line as it comes. */
  watchConsole(listener: (line: string) => void): void {
    this.#onConsole = listener;
  }

  /** All that they have ever said there. */
  get consoleFile(): string {
    return this.#path('console.txt');
  }

  /** Its root disk, to be looked at when the machine is off. */
  rootDisk(which: number): string {
    return this.#path(rootName(which));
  }

  get bankDisk(): string {
    return this.#path('bank.img');
  }

  /** The end of the console, and twice the registers of all processors. */
  async examine(): Promise<string> {
    const said = readFileSync(this.consoleFile, 'latin1').slice(-CONSOLE_TAIL);
    try {
      const qmp = await openQmp(this.#path('qmp.sock'));
      const registers = [await qmp.monitor('info registers -a'), await qmp.monitor('info registers -a')];
      qmp.close();
      return [said, ...registers].join('\n');
    } catch (error) {
      return `${said}\n${error}`;
    }
  }

  /** Pulls the plug. */
  async cut(): Promise<void> {
    const qemu = this.#qemu;
    this.#qemu = null;
    this.#port.disconnect();
    if (qemu === null || qemu.exitCode !== null) return;
    const ended = new Promise((resolve) => qemu.once('exit', resolve));
    qemu.kill('SIGKILL');
    await ended;
  }

  /**
   * Takes over the initramfs that the system has made for itself, as a boot loader does: without replaying the
   * journal of a system that lost its power. The machine must be off. Throws when it is not the one with that digest.
   */
  async adoptInitrd(release: string, sha256: string, which = 0): Promise<void> {
    const found = this.#path('initrd.found');
    rmSync(found, { force: true });
    // It looks at no bitmaps (-c), which do not fit each other before the replay. What fails it says, and ends with 0.
    await runProcess('debugfs', [
      '-c',
      '-R',
      `dump /boot/initrd.img-${release} ${found}`,
      this.#path(rootName(which)),
    ]);
    const digest = existsSync(found) ? await hashFile(found) : null;
    if (digest !== sha256)
      throw new Error(`the initramfs of the disk is ${digest}, and it was made as ${sha256}`);
    renameSync(found, this.#path(initrdName(which)));
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }
}

async function makeEmptyDisk(path: string, sizeBytes: number): Promise<void> {
  await writeFile(path, '');
  await truncate(path, sizeBytes);
}

const rootName = (which: number): string => (which === 0 ? 'root.img' : `root${which}.img`);
const initrdName = (which: number): string => (which === 0 ? 'initrd' : `initrd${which}`);
