import * as z from 'zod';

const disk = z.strictObject({
  /** The OS whose root it is; null for the tool disk, which all share, and for home's bank disk. */
  os: z.string().nullable(),
  /** What the guest finds it by; at most 20 bytes. */
  serial: z.string().max(20),
  path: z.string(),
  bus: z.enum(['virtio', 'nvme', 'ahci']),
  readOnly: z.boolean(),
});

const os = z.strictObject({
  name: z.string(),
  /** 0 is home, the others have the slot of this number. */
  number: z.int().min(0),
  kernel: z.string(),
  initrd: z.string().nullable(),
  memoryBytes: z.int(),
  kernelArguments: z.array(z.string()),
  /** Its address in the lab's network, and the host port that leads to its SSH. */
  address: z.string(),
  sshPort: z.int(),
});

/** A lab machine, whole: what `lab up` made and every later command works with. */
export const machineSpecSchema = z.strictObject({
  version: z.literal(1),
  accel: z.enum(['kvm', 'tcg']),
  firmware: z.enum(['bios', 'uefi']),
  /** Of the UEFI firmware: its read-only code and this machine's variables. */
  uefi: z.strictObject({ code: z.string(), vars: z.string() }).nullable(),
  cpus: z.int().min(1),
  memoryBytes: z.int(),
  /** The private key that opens root on the roots that the lab built. */
  sshKey: z.string(),
  disks: z.array(disk),
  /** Home first. */
  oses: z.array(os).min(1),
});

export type MachineSpec = z.infer<typeof machineSpecSchema>;
export type DiskSpec = MachineSpec['disks'][number];
export type OsSpec = MachineSpec['oses'][number];

/** The OS that the firmware boots. */
export function homeOf(spec: MachineSpec): OsSpec {
  return spec.oses[0]!;
}
