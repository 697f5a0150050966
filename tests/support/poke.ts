/**
 * Runs inside an OS: reads physical memory (`r ADDRESS LENGTH`, prints base64) or writes it
 * (`w ADDRESS BASE64`), as somebody does who damages a switchboard.
 */
import { rangeOf } from '../../src/base/ranges.ts';
import { PAGE_BYTES, physAddr } from '../../src/base/units.ts';
import { openLinux } from '../../src/sys/linux.ts';

const [op, addressText, argument] = process.argv.slice(2);
const address = Number(addressText);
const bytes = op === 'w' ? Buffer.from(argument!, 'base64') : null;
const length = bytes?.length ?? Number(argument);
const start = address - (address % PAGE_BYTES);
const end = Math.ceil((address + length) / PAGE_BYTES) * PAGE_BYTES;
const region = openLinux().mapPhysical(rangeOf(physAddr(start), end - start));
const place = region.bytes.subarray(address - start, address - start + length);
// SAFETY: whoever runs this names a place in the switchboard.
if (bytes === null) console.log(Buffer.from(place).toString('base64'));
else place.set(bytes);
region.close();
