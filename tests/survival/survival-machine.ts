import type { ExecOptions, ExecResult } from '../../lab/machine/agent-calls.ts';

/** How to reach an OS from outside its machine. */
export interface SshAccess {
  /** On this host. */
  readonly port: number;
  /** A private key that lets in root. */
  readonly key: string;
}

/** What survival programs need of a machine. The machines of both engines' labs are such. */
export interface SurvivalMachine {
  /** The OS that runs, and in which of its boots. */
  ping(): Promise<{ readonly os: string; readonly bootId: string }>;
  /** Runs a program as root in the OS that runs. Several may run at a time. */
  exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** How many programs are looked at side by side. */
  readonly atATime: number;
  /** Null when the machine has no network. */
  sshOf(os: string): SshAccess | null;
}
