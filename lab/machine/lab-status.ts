import * as z from 'zod';
import { LabMachine } from './lab-machine.ts';
import { machineSpecSchema } from './machine-spec.ts';
import { findQemu } from './qemu-process.ts';
import { TORPOR } from './shut-down.ts';
import { type LabState, readJsonFile } from './state.ts';

/** `silent`: QEMU runs, but no OS answers on the agent's line. */
type LabMachineState = 'absent' | 'off' | 'running' | 'silent';

export interface LabStatus {
  readonly state: LabMachineState;
  readonly directory: string;
  readonly machine: {
    readonly firmware: string;
    readonly accel: string;
    /** Times of an emulated machine say little about metal. */
    readonly emulated: boolean;
    readonly cpus: number;
    readonly memoryBytes: number;
    readonly sshKey: string;
    readonly pid: number | null;
  } | null;
  /** The OS that runs now. */
  readonly running: string | null;
  readonly problem: string | null;
  readonly oses: readonly {
    readonly name: string;
    readonly slot: number;
    readonly memoryBytes: number;
    /** As `torpor status` in the machine says; null when nobody answers. */
    readonly state: string | null;
    readonly kernelRelease: string | null;
    readonly address: string;
    readonly sshPort: number;
  }[];
}

/** What `torpor status --json` says, as far as it is used here. */
const guestStatusSchema = z.looseObject({
  slots: z.array(
    z.looseObject({ slot: z.int(), name: z.string(), state: z.string(), kernelRelease: z.string() }),
  ),
});
type GuestSlot = z.infer<typeof guestStatusSchema>['slots'][number];

/** Looks at the lab machine from outside and, when it runs, asks the running OS. */
export async function readLabStatus(state: LabState): Promise<LabStatus> {
  const { directory } = state;
  const spec = readJsonFile(state.specFile, machineSpecSchema);
  if (spec === null)
    return { state: 'absent', directory, machine: null, running: null, problem: null, oses: [] };
  const qemu = findQemu(state);
  const asked = qemu === null ? { running: null, problem: null, slots: [] } : await askMachine(state);
  const { firmware, accel, cpus, memoryBytes, sshKey } = spec;
  const slotOf = (name: string): GuestSlot | undefined => asked.slots.find((slot) => slot.name === name);
  return {
    state: qemu === null ? 'off' : asked.running === null ? 'silent' : 'running',
    directory,
    machine: {
      firmware,
      accel,
      emulated: accel === 'tcg',
      cpus,
      memoryBytes,
      sshKey,
      pid: qemu?.pid ?? null,
    },
    running: asked.running,
    problem: asked.problem,
    oses: spec.oses.map((os) => ({
      name: os.name,
      slot: os.number,
      memoryBytes: os.memoryBytes,
      state: asked.running === null ? null : (slotOf(os.name)?.state ?? 'empty'),
      kernelRelease: slotOf(os.name)?.kernelRelease || null,
      address: os.address,
      sshPort: os.sshPort,
    })),
  };
}

async function askMachine(
  state: LabState,
): Promise<{ running: string | null; problem: string | null; slots: readonly GuestSlot[] }> {
  const machine = LabMachine.open(state);
  let running: string | null = null;
  try {
    running = (await machine.ping(8_000)).os;
    const text = await machine.run([TORPOR, 'status', '--json'], { timeoutMs: 30_000 });
    return { running, problem: null, slots: guestStatusSchema.parse(JSON.parse(text)).slots };
  } catch (error) {
    return { running, problem: error instanceof Error ? error.message : String(error), slots: [] };
  } finally {
    machine.close();
  }
}
