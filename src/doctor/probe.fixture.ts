import { FakeSys } from '../sys/fake.ts';
import type { Check, Finding } from './check.ts';
import { openContext } from './context.ts';

type FakeOptions = NonNullable<ConstructorParameters<typeof FakeSys>[0]>;

/** Runs one check against a fake kernel. `flags` and `arguments` fill cpuinfo and cmdline. */
export function probe(
  check: Check,
  options: FakeOptions & { flags?: string; arguments?: string; config?: string },
  prepare: (sys: FakeSys) => void = () => {},
): Finding {
  const { flags, arguments: kernelArguments, config, files, ...rest } = options;
  const sys = new FakeSys({
    ...rest,
    files: {
      '/proc/cpuinfo': `processor\t: 0\nflags\t\t: fpu ${flags ?? 'lm pdpe1gb'}\n`,
      '/proc/cmdline': `root=/dev/sda1 ${kernelArguments ?? ''}\n`,
      ...(config === undefined ? {} : { '/boot/config-6.12.0-fake': `CONFIG_X86_64=y\n${config}\n` }),
      ...files,
    },
  });
  prepare(sys);
  return check.probe(openContext(sys));
}

/** A /sys/firmware/memmap of usable ranges: [start, last byte]. */
export function firmwareFiles(...ranges: [string, string][]): Record<string, string> {
  return Object.fromEntries(
    ranges.flatMap(([start, last], index) => [
      [`/sys/firmware/memmap/${index}/start`, `${start}\n`],
      [`/sys/firmware/memmap/${index}/end`, `${last}\n`],
      [`/sys/firmware/memmap/${index}/type`, 'System RAM\n'],
    ]),
  );
}

/** The bytes of virtual_mapped (Linux 6.12), with or without the load of the GDT. */
export function jumpPathCode(loadsGdt: boolean): Buffer {
  return Buffer.from(
    `0f22d8410f22c0${loadsGdt ? '48c7c0c07e12820f01900a010000' : ''}4889e89d415f415e415d415c5d5bc3`,
    'hex',
  );
}

/** A /proc/kcore with the vsyscall page, a vmalloc area and, at file offset 4096, an image that ends with `code`. */
export function fakeKcore(code: Uint8Array, imageBytes = code.length): Buffer {
  const file = Buffer.alloc(4096 + imageBytes);
  file.write('\x7fELF', 'latin1');
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(3, 56);
  const header = (index: number, address: bigint, offset: bigint, sizeBytes: bigint): void => {
    const at = 64 + index * 56;
    file.writeUInt32LE(1, at);
    file.writeBigUInt64LE(offset, at + 8);
    file.writeBigUInt64LE(address, at + 16);
    file.writeBigUInt64LE(sizeBytes, at + 40);
  };
  header(0, 0xffffffffff600000n, 0n, 4096n);
  header(1, 0xffffc90000000000n, 0n, 0x1fffffffffffn);
  header(2, 0xffffffff9a000000n, 4096n, BigInt(imageBytes));
  file.set(code, 4096 + imageBytes - code.length);
  return file;
}
