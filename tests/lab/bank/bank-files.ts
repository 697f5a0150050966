import { z } from 'zod';
import type { LabMachine } from '../../../lab/machine/lab-machine.ts';
import { BANK_DIRECTORY } from '../../../lab/machine/plan-machine.ts';
import { TORPOR } from '../../../lab/machine/shut-down.ts';

/** Where home has its bank. */
export const BANK = BANK_DIRECTORY;

const descriptor = z.looseObject({ digest: z.string().regex(/^sha256:[0-9a-f]{64}$/), size: z.number() });
const indexSchema = z.looseObject({
  manifests: z.array(descriptor.extend({ annotations: z.record(z.string(), z.string()).default({}) })),
});
const manifestSchema = z.looseObject({ config: descriptor, layers: z.array(descriptor) });

/** The bank as any OCI tool sees it: read from its files, not asked of Torpor. */
export interface BankFiles {
  /** `OS@TAG`, and the digests of all that belongs to it. */
  readonly snapshots: ReadonlyMap<string, ReadonlySet<string>>;
  /** Sizes of all blobs by their digests. */
  readonly blobs: ReadonlyMap<string, number>;
  /** Blobs that no snapshot needs. */
  readonly unused: readonly string[];
  /** Blobs that a snapshot needs and that are not there, or have another size. */
  readonly missing: readonly string[];
  /** Half-written things. */
  readonly temporary: readonly string[];
}

/** Reads the bank's files in home, which runs. */
export async function readBankFiles(machine: LabMachine): Promise<BankFiles> {
  const sh = async (script: string): Promise<string> => (await machine.run(['sh', '-c', script])).trim();
  const index = indexSchema.parse(JSON.parse(await sh(`cat ${BANK}/index.json`)));
  const listed = await sh(
    `cd ${BANK}/blobs/sha256 && for f in *; do [ -f "$f" ] && echo "$f $(stat -c %s $f)"; done; true`,
  );
  const blobs = new Map(
    lines(listed).map((line) => [`sha256:${line.split(' ')[0]}`, Number(line.split(' ')[1])]),
  );
  const snapshots = new Map<string, Set<string>>();
  const missing: string[] = [];
  for (const { digest, size, annotations } of index.manifests) {
    const name = annotations['org.opencontainers.image.ref.name'] ?? digest;
    const manifest = manifestSchema.parse(
      JSON.parse(await sh(`cat ${BANK}/blobs/sha256/${digest.slice(7)}`)),
    );
    const parts = [{ digest, size }, manifest.config, ...manifest.layers];
    missing.push(...parts.filter((part) => blobs.get(part.digest) !== part.size).map((part) => part.digest));
    snapshots.set(name, new Set(parts.map((part) => part.digest)));
  }
  const used = new Set([...snapshots.values()].flatMap((digests) => [...digests]));
  return {
    snapshots,
    blobs,
    unused: [...blobs.keys()].filter((digest) => !used.has(digest)),
    missing,
    temporary: lines(await sh(`ls -A ${BANK}/torpor/tmp 2>/dev/null || true`)),
  };
}

/** Throws E_LAB_COMMAND with what it says unless every byte of the bank is as it should be. */
export async function verifyBank(machine: LabMachine): Promise<void> {
  await machine.run([TORPOR, 'bank', 'verify', '--json'], { timeoutMs: 1_800_000 });
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
