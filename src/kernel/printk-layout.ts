import { TorporError } from '../base/errors.ts';
import type { Vmcoreinfo } from './vmcoreinfo.ts';

/**
 * Where the members of the printk ring are, in bytes. All offsets come from VMCOREINFO
 * (log_buf_vmcoreinfo_setup in kernel/printk/printk.c, the same keys in 6.1 and 6.12) but for facility
 * and level, which no kernel exports: they are the two bytes behind text_len (printk_ringbuffer.h).
 */
export interface PrintkLayout {
  /** Virtual address of the pointer to the ring that is in use. */
  readonly ringPointer: bigint;
  readonly ring: {
    readonly sizeBytes: number;
    readonly descCountBits: number;
    readonly descs: number;
    readonly infos: number;
    readonly headId: number;
    readonly tailId: number;
    readonly textSizeBits: number;
    readonly text: number;
  };
  readonly desc: {
    readonly sizeBytes: number;
    readonly state: number;
    readonly begin: number;
    readonly next: number;
  };
  readonly info: {
    readonly sizeBytes: number;
    readonly seq: number;
    readonly timestampNs: number;
    readonly textLength: number;
    readonly facility: number;
    readonly flagsAndLevel: number;
  };
}

/** The largest structure of the ring has 88 bytes (printk_info). */
const MAX_STRUCT_BYTES = 4096;

/** Takes the layout of the printk ring out of VMCOREINFO. Throws E_VMCOREINFO: a key is missing or absurd. */
export function decodePrintkLayout(vmcoreinfo: Vmcoreinfo): PrintkLayout {
  const { offset, size } = vmcoreinfo;
  const descRing = offset('printk_ringbuffer.desc_ring');
  const textRing = offset('printk_ringbuffer.text_data_ring');
  const counter = offset('atomic_long_t.counter');
  const block = offset('prb_desc.text_blk_lpos');
  const textLength = offset('printk_info.text_len');
  const layout: PrintkLayout = {
    ringPointer: vmcoreinfo.symbol('prb'),
    ring: {
      sizeBytes: size('printk_ringbuffer'),
      descCountBits: descRing + offset('prb_desc_ring.count_bits'),
      descs: descRing + offset('prb_desc_ring.descs'),
      infos: descRing + offset('prb_desc_ring.infos'),
      headId: descRing + offset('prb_desc_ring.head_id') + counter,
      tailId: descRing + offset('prb_desc_ring.tail_id') + counter,
      textSizeBits: textRing + offset('prb_data_ring.size_bits'),
      text: textRing + offset('prb_data_ring.data'),
    },
    desc: {
      sizeBytes: size('prb_desc'),
      state: offset('prb_desc.state_var') + counter,
      begin: block + offset('prb_data_blk_lpos.begin'),
      next: block + offset('prb_data_blk_lpos.next'),
    },
    info: {
      sizeBytes: size('printk_info'),
      seq: offset('printk_info.seq'),
      timestampNs: offset('printk_info.ts_nsec'),
      textLength,
      facility: textLength + 2,
      flagsAndLevel: textLength + 3,
    },
  };
  checkMembers('printk_ringbuffer', layout.ring);
  checkMembers('prb_desc', layout.desc);
  checkMembers('printk_info', layout.info);
  return layout;
}

/** Members have at most 8 bytes; none stands in the last 8 but those that are so long. */
function checkMembers(name: string, members: { readonly sizeBytes: number }): void {
  const { sizeBytes, ...offsets } = members;
  for (const [member, offset] of Object.entries<number>(offsets)) {
    if (sizeBytes > MAX_STRUCT_BYTES || offset + 8 > sizeBytes) {
      throw new TorporError(
        'E_VMCOREINFO',
        `${name}.${member} at ${offset} is not inside ${sizeBytes} bytes`,
        {
          facts: { structure: name, member, offset, sizeBytes },
        },
      );
    }
  }
}
