import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { sampleBzImage } from './bzimage.fixture.ts';
import { decodeBzImage } from './bzimage.ts';
import { configFilesOf, findKernelConfig } from './kernel-config.ts';

const WITH = 'CONFIG_X86_64=y\nCONFIG_KEXEC_JUMP=y\n';
const WITHOUT = 'CONFIG_X86_64=y\n# CONFIG_KEXEC_JUMP is not set\n';

const vmlinux = (config: string): Buffer =>
  Buffer.concat([
    Buffer.alloc(5000, 1),
    Buffer.from('IKCFG_ST'),
    gzipSync(config),
    Buffer.from('IKCFG_ED'),
    Buffer.alloc(900),
  ]);
const ask = (payload: Uint8Array, beside: string | null = null) => {
  const file = sampleBzImage({ payload });
  return findKernelConfig(file, decodeBzImage(file), beside);
};
/** As the kernel's build leaves it: the compressed kernel, then its size. */
const zstd = (data: Buffer): Buffer => Buffer.concat([zstdCompressSync(data), Buffer.from([1, 2, 3, 4])]);

test('finds the configuration inside gzip and zstd kernels', () => {
  assert.deepEqual(ask(gzipSync(vmlinux(WITH))), {
    kexecJump: 'yes',
    pagingMode: '4-level',
    jumpPath: 'unknown',
    source: 'image',
  });
  assert.equal(ask(zstd(vmlinux(WITH))).kexecJump, 'yes');
  assert.equal(ask(gzipSync(vmlinux(WITHOUT))).kexecJump, 'no');
  assert.equal(ask(zstd(vmlinux(WITHOUT))).kexecJump, 'no');
});

test('falls back to the file beside the kernel, which the image overrules', () => {
  assert.deepEqual(ask(Buffer.from([0xfd, 0x37, 0x7a]), WITH), {
    kexecJump: 'yes',
    pagingMode: '4-level',
    jumpPath: 'unknown',
    source: 'file',
  });
  assert.equal(ask(gzipSync(Buffer.from('no configuration here')), WITHOUT).kexecJump, 'no');
  assert.equal(ask(gzipSync(vmlinux(WITHOUT)), WITH).kexecJump, 'no');
});

test('says unknown rather than guess', () => {
  assert.deepEqual(ask(Buffer.from([0xfd, 0x37, 0x7a])), {
    kexecJump: 'unknown',
    pagingMode: '4-level',
    jumpPath: 'unknown',
    source: 'none',
  });
  assert.equal(ask(gzipSync(vmlinux(WITH)).subarray(0, 40)).kexecJump, 'unknown');
  assert.equal(ask(gzipSync(vmlinux('not a kernel configuration'))).kexecJump, 'unknown');
});

test('never throws on damaged payloads', () => {
  const whole = zstd(vmlinux(WITH));
  const edit = fc.record({ at: fc.nat({ max: whole.length - 1 }), value: fc.nat({ max: 255 }) });
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 6 }), fc.boolean(), (edits, zip) => {
      const payload = zip ? Buffer.from(gzipSync(vmlinux(WITH))) : Buffer.from(whole);
      for (const { at, value } of edits) payload[at % payload.length] = value;
      assert.ok(['yes', 'no', 'unknown'].includes(ask(payload).kexecJump));
    }),
  );
});

test('knows where configurations lie', () => {
  assert.deepEqual(configFilesOf('/boot/vmlinuz-6.12.0-amd64', '6.12.0-amd64 (x@y)'), [
    '/boot/config-6.12.0-amd64',
  ]);
  assert.deepEqual(configFilesOf('/k/arch/x86/boot/bzImage', '../../etc/passwd'), ['/k/.config']);
  assert.deepEqual(configFilesOf('bzImage', '6.12 x'), ['config-6.12', '/boot/config-6.12']);
});
