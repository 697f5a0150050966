import * as z from 'zod';
import type { SnapshotFacts } from '../../bank/description.ts';
import { TorporError } from '../../base/errors.ts';
import { hex, PAGE_BYTES } from '../../base/units.ts';
import type { ImageKernel } from '../../engine/image/image-header.ts';
import type { ImageStream } from '../../engine/image/image-stream.ts';
import { readFirmwareMap } from '../../memory/firmware-map.ts';
import type { Sys } from '../../sys/sys.ts';
import { readCpuFacts } from '../cpu-facts.ts';
import { bootId } from '../this-os.ts';

/** What a system says of itself before it is frozen; kept with its staged image. */
export type ImageFacts = Pick<SnapshotFacts, 'os' | 'tag' | 'note' | 'createdMs'> & {
  readonly machine: Pick<SnapshotFacts['machine'], 'firmwareMap' | 'cpu'>;
  readonly kernel: Pick<SnapshotFacts['kernel'], 'release' | 'bootId' | 'commandLine'>;
};

const looseFacts = z.looseObject({
  os: z.string(),
  tag: z.string(),
  machine: z.looseObject({}),
  kernel: z.looseObject({}),
});

export function readImageFacts(
  sys: Sys,
  wish: { readonly os: string; readonly tag: string; readonly note: string },
): ImageFacts {
  const cpu = readCpuFacts(sys);
  return {
    os: wish.os,
    tag: wish.tag,
    note: wish.note,
    createdMs: Math.round(sys.realtimeMs()),
    machine: {
      firmwareMap: readFirmwareMap(sys).map(({ start, end, type }) => ({ start, end, type })),
      cpu: { ...cpu, flags: [...cpu.flags] },
    },
    kernel: {
      release: sys.kernelRelease(),
      bootId: bootId(sys),
      commandLine: sys.readTextFile('/proc/cmdline')?.trim() ?? null,
    },
  };
}

/** Throws E_STAGING. What it gives is checked by the bank when it is saved. */
export function parseImageFacts(text: string): ImageFacts {
  try {
    return looseFacts.parse(JSON.parse(text)) as unknown as ImageFacts;
  } catch (cause) {
    throw new TorporError('E_STAGING', 'what was staged says nothing of its system', {
      hint: 'take the snapshot again',
      cause,
    });
  }
}

/** The whole description for the bank. Memory is one region of all page frames. */
export function describeImage(
  facts: ImageFacts,
  stream: ImageStream,
  disks: readonly { readonly name: string; readonly sizeBytes: number }[],
  pausedMs: number | null,
): SnapshotFacts {
  const { kernel } = stream;
  return {
    ...facts,
    pausedMs,
    engine: 'image',
    image: {
      jumpAddress: hex(kernel.jumpAddress),
      jumpAddressPhys: hex(kernel.jumpAddressPhys),
      cr3: hex(kernel.cr3),
      e820Checksum: kernel.e820Checksum,
      physPages: kernel.physPages,
    },
    machine: {
      ...facts.machine,
      // Neither a switchboard nor slots: the system has the whole machine.
      switchboard: 0,
      slot: { index: 0, memory: { start: 0, end: stream.runs.end * PAGE_BYTES }, low: null },
    },
    kernel: {
      ...facts.kernel,
      entry: Number(kernel.jumpAddressPhys),
      stub: 0,
      vmcoreinfo: null,
      freePages: 'any',
    },
    disks: disks.map(({ name, sizeBytes }) => ({ name, sizeBytes, shared: false, fence: null })),
  };
}

/** Opposite of what {@link describeImage} does to the kernel. Null when the snapshot is of another engine. */
export function imageKernelOf({ image }: Pick<SnapshotFacts, 'image'>): ImageKernel | null {
  if (image === null || image === undefined) return null;
  return {
    jumpAddress: BigInt(image.jumpAddress),
    jumpAddressPhys: BigInt(image.jumpAddressPhys),
    cr3: BigInt(image.cr3),
    e820Checksum: image.e820Checksum,
    physPages: image.physPages,
  };
}
