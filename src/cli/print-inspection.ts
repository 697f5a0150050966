import { formatSize } from '../base/units.ts';
import type { Inspection } from '../machine/inspect.ts';
import { print, printTable } from './output.ts';

/** Prints what was seen in an OS that does not run, with `unknown` at the end. */
export function printInspection(inspection: Inspection, options: { readonly kernelThreads: boolean }): void {
  const { name, state, sinceMs, kernel, memory, log, processes, connections, unknown } = inspection;
  const since = sinceMs === null ? '' : ` since ${new Date(sinceMs).toISOString()}`;
  print(
    state === null ? `${name}, saved ${new Date(sinceMs ?? 0).toISOString()}` : `“${name}”: ${state}${since}`,
  );
  if (kernel !== null) {
    print(`  version       ${escapeText(kernel.banner ?? `Linux ${kernel.release}`)}`);
    if (kernel.hostName !== null) print(`  host name     ${escapeText(kernel.hostName)}`);
    if (kernel.commandLine !== null) print(`  command line  ${escapeText(kernel.commandLine)}`);
    if (kernel.bootedMs !== null) print(`  started       ${new Date(kernel.bootedMs).toISOString()}`);
    if (kernel.stoppedMs !== null) print(`  its clock     ${new Date(kernel.stoppedMs).toISOString()}`);
  }
  if (memory !== null) print(`  memory        ${renderMemory(inspection)}`);
  if (processes !== null) {
    const shown = processes.filter((process) => options.kernelThreads || !process.kernelThread);
    const hidden = processes.length - shown.length;
    print(`\nprocesses${hidden > 0 ? ` (and ${hidden} kernel threads)` : ''}`);
    printTable(
      ['PID', 'PARENT', 'USER', 'STATE', 'THREADS', 'MEMORY', 'NAME'],
      shown.map((process) => [
        String(process.pid),
        String(process.parentPid),
        process.uid === null ? '–' : String(process.uid),
        process.frozen && process.state !== 'frozen' ? `${process.state} (frozen)` : process.state,
        String(process.threads),
        process.residentBytes === null ? '–' : formatSize(process.residentBytes),
        escapeText(process.name),
      ]),
      'none',
    );
  }
  if (connections !== null) {
    print('\nTCP connections');
    printTable(
      ['STATE', 'LOCAL', 'REMOTE'],
      connections.map((connection) => [
        connection.state,
        renderEnd(connection.localAddress, connection.localPort),
        connection.state === 'listening' ? '–' : renderEnd(connection.remoteAddress, connection.remotePort),
      ]),
      'none',
    );
  }
  if (log !== null) {
    print('\nlog');
    for (const line of log) print(line);
  }
  if (unknown.length > 0) print('\nnot to be found');
  for (const line of unknown) print(`  ${escapeText(line)}`);
}

function renderMemory({ memory, freePages }: Inspection): string {
  const { totalBytes, usedBytes, zeroBytes, freeBytes } = memory!;
  const zeros = zeroBytes === null ? '' : `, ${formatSize(zeroBytes)} zeros`;
  const expected = { any: '', zero: ' (kept zero)', poison: ' (kept poisoned)' }[freePages ?? 'any'];
  return `${formatSize(totalBytes)}: ${formatSize(usedBytes)} used${zeros}, ${formatSize(freeBytes)} free${expected}`;
}

function renderEnd(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** A terminal must not obey what a program of another OS wrote. */
function escapeText(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
