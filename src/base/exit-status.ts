/** Exit statuses of every command, a public table (docs/errors.md). */
export const EXIT_STATUS = {
  /** Done. */
  ok: 0,
  /** A defect in Torpor itself: an error that carries no code. */
  internal: 1,
  /** The command line or a value in it is wrong. */
  usage: 2,
  /** This machine lacks something that the command needs (rights, kernel option, memory). */
  machine: 3,
  /** A file that was given or found is not what it should be (kernel, initrd, config). */
  input: 4,
  /** The OS or slot is not in the state that the command needs. */
  state: 5,
  /** The kernel refused an operation; the running OS goes on unharmed. */
  refused: 6,
  /** Shared memory or a stored file is damaged. */
  damaged: 7,
  /** Something did not answer in time. */
  timeout: 8,
  /** The lab could not build or run its machine. */
  lab: 9,
} as const;

export type ExitClass = keyof typeof EXIT_STATUS;
