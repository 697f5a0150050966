import assert from 'node:assert/strict';
import type { ScriptResult } from './stock-machine.ts';

/** Has the witness say its nonce, its count in memory, and the counts on the disk. */
export const STATE = `db() { sqlite3 -cmd '.timeout 20000' /var/witness.db "$1"; }
read -r nonce count intact </run/witness
echo "$nonce $count $intact $(tail -1 /var/witness.log) $(db 'select max(n) from counts')" \\
  "$(db 'pragma integrity_check') $(cat /root/note) $(md5sum -c --quiet /root/blob.md5 >/dev/null 2>&1 && echo same || echo other)"`;

/** Starts the witness and waits for its first words. */
export const START_WITNESS = `systemctl start stock-witness
echo before > /root/note; head -c 5000000 /dev/urandom > /root/blob; md5sum /root/blob > /root/blob.md5
until [ -s /run/witness ]; do sleep 1; done; sync; echo 3 > /proc/sys/vm/drop_caches`;

export interface Witness {
  readonly nonce: string;
  readonly count: number;
}

export function readState({ status, output }: ScriptResult, note: string, blob: 'same' | 'other'): Witness {
  assert.equal(status, 0, output);
  const [nonce = '', count = '', intact, logged = '', stored = '', integrity, said, file] = output.split(' ');
  assert.deepEqual([intact, integrity, said, file], ['intact', 'ok', note, blob], output);
  // The count in memory is told after those on the disk.
  for (const onDisk of [logged, stored]) {
    const ahead = Number(onDisk) - Number(count);
    assert.ok(ahead >= 0 && ahead <= 2, output);
  }
  return { nonce, count: Number(count) };
}
