import { randomUUID } from 'node:crypto';

/** A script with more than this in it is slow to pass a serial port's buffers. */
const PIECE_BYTES = 12_000;

/** Scripts that come to one run of a program with that standard input: all but the last one prepare it. */
export function scriptsOf(argv: readonly string[], stdin: Uint8Array): string[] {
  const command = argv.map(quote).join(' ');
  if (stdin.length === 0) return [sayErrorsLast(command)];
  const file = `/run/stock/${randomUUID()}.in`;
  const pieces = Array.from({ length: Math.ceil(stdin.length / PIECE_BYTES) }, (_, index) =>
    Buffer.from(stdin.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES)).toString('base64'),
  );
  const put = (piece: string): string => `echo ${piece} | base64 -d >>${file}`;
  const last = sayErrorsLast(`${command} <${file}`);
  return [...pieces.slice(0, -1).map(put), `${put(pieces.at(-1)!)}\n${last}\nrm -f ${file}\nexit $status`];
}

/** The port has one channel: what a program complains of is of interest only when it fails. */
function sayErrorsLast(command: string): string {
  const file = `/run/stock/${randomUUID()}.err`;
  return `${command} 2>${file}\nstatus=$?\n[ $status -eq 0 ] || cat ${file}\nrm -f ${file}\n(exit $status)`;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
