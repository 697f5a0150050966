import { SETUP_HEADER, XLF } from './setup-header.ts';

interface SampleOptions {
  readonly kernelBytes?: number;
  readonly initSizeBytes?: number;
  readonly payload?: Uint8Array;
  readonly header?: Parameters<typeof SETUP_HEADER.encodeInto>[1];
}

const SETUP_BYTES = 2048;
const VERSION_OFFSET = 0x300;

/** A well-formed bzImage without code in it, for tests. */
export function sampleBzImage(options: SampleOptions = {}): Uint8Array {
  const payload = options.payload ?? new Uint8Array(0);
  const kernelBytes = options.kernelBytes ?? Math.ceil((1024 + payload.byteLength) / 16) * 16;
  const file = new Uint8Array(SETUP_BYTES + kernelBytes);
  file.fill(0x90, SETUP_BYTES);
  file.set(payload, SETUP_BYTES + 1024);
  file.set(Buffer.from('6.12.107-torpor (build@host) #1 SMP\0'), 0x200 + VERSION_OFFSET);
  SETUP_HEADER.encodeInto(file, {
    setupSectors: SETUP_BYTES / 512 - 1,
    kernelParagraphs: kernelBytes / 16,
    bootFlag: 0xaa55,
    jump: 0xeb,
    jumpDistance: 0x6a,
    magic: 0x53726448,
    protocol: 0x020f,
    kernelVersion: VERSION_OFFSET,
    loadFlags: 1,
    initrdAddressMax: 0x7fff_ffff,
    kernelAlignment: 0x20_0000,
    relocatable: 1,
    extendedLoadFlags: XLF.kernel64 | XLF.above4G | XLF.fiveLevel,
    commandLineMax: 2047,
    payloadOffset: 1024,
    payloadLength: payload.byteLength,
    prefAddress: 0x100_0000n,
    initSize: options.initSizeBytes ?? 22 * 1024 * 1024,
    ...options.header,
  });
  return file;
}
