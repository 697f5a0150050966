import { TorporError } from '../base/errors.ts';
import { KernelData } from '../kernel/kernel-data.ts';
import { type KernelIdentity, readKernelIdentity } from '../kernel/kernel-identity.ts';
import { type KernelLogRecord, readKernelLog, renderKernelLogRecord } from '../kernel/kernel-log.ts';
import { findKernelLogFacts } from '../kernel/kernel-log-facts.ts';
import { type KernelProcess, readProcesses } from '../kernel/processes.ts';
import { readTcpConnections, type TcpConnection } from '../kernel/tcp-connections.ts';
import type { PhysicalReader } from '../kernel/virtual-memory.ts';
import { decodeVmcoreinfo, type VmcoreinfoLocation } from '../kernel/vmcoreinfo.ts';

/** What to look for besides what a kernel is. */
export interface InspectSections {
  readonly processes: boolean;
  readonly connections: boolean;
  /** Lines of the log, the newest; 0 for none. */
  readonly logLines: number;
}

/** What is known of a kernel that does not run. Null is what nobody asked for or what is in `unknown`. */
export interface KernelInspection {
  readonly kernel: Omit<KernelIdentity, 'unknown'> | null;
  readonly log: readonly string[] | null;
  readonly processes: readonly KernelProcess[] | null;
  readonly connections: readonly TcpConnection[] | null;
  /** What could not be found and why, a line each. */
  readonly unknown: readonly string[];
}

/**
 * Looks into a kernel's memory. `commandLine` is that of its start, where it is known from elsewhere.
 * Whatever is not to be found is in `unknown`; throws nothing for damaged memory.
 */
export function inspectKernel(
  memory: PhysicalReader,
  vmcoreinfo: VmcoreinfoLocation | null,
  commandLine: string | null,
  sections: InspectSections,
): KernelInspection {
  const unknown: string[] = [];
  const attempt = <T>(what: string, read: () => T): T | null => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof TorporError)) throw error;
      unknown.push(`${what}: ${error.message}`);
      return null;
    }
  };
  const data = attempt('all of it', () => openKernelData(memory, vmcoreinfo));
  if (data === null) return { kernel: null, log: null, processes: null, connections: null, unknown };

  const records = attempt('log', () => {
    const onDamage = (what: string): void => void unknown.push(`log: ${what}`);
    return readKernelLog(memory, data.vmcoreinfo, { onDamage });
  });
  const processes = sections.processes ? attempt('processes', () => readProcesses(data)) : null;
  const connections = sections.connections
    ? attempt('TCP connections', () => readTcpConnections(data))
    : null;
  unknown.push(...(processes?.unknown ?? []), ...(connections?.unknown ?? []));
  const kernel = identify(data, records ?? [], commandLine);
  unknown.push(...kernel.unknown);
  return {
    kernel: kernel.identity,
    log:
      sections.logLines > 0 && records !== null
        ? records.slice(-sections.logLines).map(renderKernelLogRecord)
        : null,
    processes: processes?.processes ?? null,
    connections: connections?.connections ?? null,
    unknown: [...new Set(unknown)],
  };
}

function openKernelData(memory: PhysicalReader, location: VmcoreinfoLocation | null): KernelData {
  if (location === null) {
    throw new TorporError('E_KERNEL_DATA', 'this OS has not said where its VMCOREINFO is (it never joined)');
  }
  return new KernelData(memory, decodeVmcoreinfo(memory.read(location.address, location.sizeBytes)));
}

/** What the kernel's own variables do not tell may stand in its log. */
function identify(
  data: KernelData,
  records: readonly KernelLogRecord[],
  commandLine: string | null,
): { identity: Omit<KernelIdentity, 'unknown'>; unknown: string[] } {
  const { unknown, ...own } = readKernelIdentity(data);
  const logged = findKernelLogFacts(records);
  const identity = {
    ...own,
    banner: own.banner ?? logged.banner,
    commandLine: own.commandLine ?? commandLine ?? logged.commandLine,
    bootedMs: own.bootedMs ?? logged.bootedMs,
  };
  const found: Readonly<Record<string, unknown>> = {
    version: identity.banner,
    'command line': identity.commandLine,
    'start time': identity.bootedMs,
  };
  return { identity, unknown: unknown.filter((line) => (found[line.split(':')[0]!] ?? null) === null) };
}
