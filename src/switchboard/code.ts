import { PAGE_BYTES, type PhysAddr } from '../base/units.ts';
import { LEAVE_MODE, type LeaveMode } from './layout.ts';
import { STUB_HEX, STUB_PATCH, TRAMPOLINE_HEX } from './trampoline.gen.ts';

/** The page of a kernel's kexec image: leads slot `slot` to the switchboard at `base`. */
export function encodeStub(base: PhysAddr, mode: LeaveMode, slot: number): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES);
  page.set(Buffer.from(STUB_HEX, 'hex'));
  const view = new DataView(page.buffer);
  view.setBigUint64(STUB_PATCH.base, BigInt(base), true);
  view.setUint32(STUB_PATCH.mode, LEAVE_MODE[mode], true);
  view.setUint32(STUB_PATCH.slot, slot, true);
  return page;
}

/** The trampoline's page. */
export function encodeTrampoline(): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES);
  page.set(Buffer.from(TRAMPOLINE_HEX, 'hex'));
  return page;
}
