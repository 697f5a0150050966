import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import * as z from 'zod';
import { TorporError } from '../../src/base/errors.ts';
import { type MachineSpec, machineSpecSchema } from './machine-spec.ts';

/** sun_path of unix(7) has 108 bytes, one of them for the NUL. */
const SOCKET_PATH_MAX_BYTES = 107;

/** Everything that one lab machine keeps on the host. */
export interface LabState {
  readonly directory: string;
  readonly specFile: string;
  readonly processFile: string;
  readonly disks: string;
  /** Everything that ttyS0 and ttyS1 ever said, appended at each power-on. */
  readonly consoleLog: string;
  readonly agentLog: string;
  /** QEMU's own messages. */
  readonly qemuLog: string;
  readonly uefiVars: string;
  readonly sshKey: string;
  readonly sockets: { readonly qmp: string; readonly console: string; readonly agent: string };
}

/** `TORPOR_LAB_DIR`, else `$XDG_STATE_HOME/torpor/lab`, else `~/.local/state/torpor/lab`. */
export function locateLab(env: NodeJS.ProcessEnv = process.env): LabState {
  const base = env.XDG_STATE_HOME || join(homedir(), '.local', 'state');
  const directory = resolve(env.TORPOR_LAB_DIR || join(base, 'torpor', 'lab'));
  const sockets = socketDirectory(directory);
  return {
    directory,
    specFile: join(directory, 'machine.json'),
    processFile: join(directory, 'qemu.json'),
    disks: join(directory, 'disks'),
    consoleLog: join(directory, 'console.log'),
    agentLog: join(directory, 'agent.log'),
    qemuLog: join(directory, 'qemu.log'),
    uefiVars: join(directory, 'uefi-vars.fd'),
    sshKey: join(directory, 'ssh-key'),
    sockets: {
      qmp: join(sockets, 'qmp.sock'),
      console: join(sockets, 'console.sock'),
      agent: join(sockets, 'agent.sock'),
    },
  };
}

/** The state directory itself, or a short one below /tmp when its paths are too long for a socket. */
function socketDirectory(directory: string): string {
  if (Buffer.byteLength(join(directory, 'console.sock')) <= SOCKET_PATH_MAX_BYTES) return directory;
  const digest = createHash('sha256').update(directory).digest('hex').slice(0, 12);
  return join(tmpdir(), `torpor-lab-${process.getuid!()}-${digest}`);
}

/** Makes the directories; they are private to the user, the machine's consoles are in them. */
export function makeStateDirectories(state: LabState): void {
  mkdirSync(state.disks, { recursive: true, mode: 0o700 });
  const sockets = join(state.sockets.qmp, '..');
  mkdirSync(sockets, { recursive: true, mode: 0o700 });
  const owner = lstatSync(sockets);
  if (!owner.isDirectory() || owner.uid !== process.getuid!()) {
    throw new TorporError('E_FILE', `${sockets} belongs to somebody else`, {
      facts: { path: sockets },
      hint: 'set TORPOR_LAB_DIR to a shorter path',
    });
  }
}

/** Replaces a file whole: a reader or a crash sees the old or the new one. */
export function writeJsonFile(path: string, value: unknown): void {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(temporary, path);
}

/** Null when the file does not exist; E_FILE when it is not what `schema` says. */
export function readJsonFile<T>(path: string, schema: z.ZodType<T>): T | null {
  if (!existsSync(path)) return null;
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new TorporError('E_FILE', `${path} is not valid: ${reason}`, {
      facts: { path },
      hint: 'remove the file; `torpor lab up` makes a new machine',
      cause: error,
    });
  }
}

/** The machine of this state directory. Throws E_LAB_DOWN when there is none. */
export function readMachineSpec(state: LabState): MachineSpec {
  const spec = readJsonFile(state.specFile, machineSpecSchema);
  if (spec !== null) return spec;
  throw new TorporError('E_LAB_DOWN', 'there is no lab machine', {
    facts: { directory: state.directory },
    hint: 'run `torpor lab up`, or set TORPOR_LAB_DIR to the lab that you mean',
  });
}
