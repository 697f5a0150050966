import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { renderCommandLine } from '../build/command-line.ts';
import type { MachineSpec } from './machine-spec.ts';
import { planQemuArguments } from './qemu-arguments.ts';
import { findQemu, QEMU } from './qemu-process.ts';
import { openQmp, type QmpClient } from './qmp.ts';
import { takeScreenshot } from './screenshot.ts';
import { type LabState, readMachineSpec } from './state.ts';

/** What QEMU itself knows of a machine that hangs; the guests need not answer. */
const MONITOR_COMMANDS = [
  'registers -a',
  'status',
  'cpus',
  'pic',
  'irq',
  'pci',
  'block',
  'network',
  'chardev',
];

/**
 * Keeps everything that explains a failure in `directory`: serial logs, processors, devices, the
 * screen, the machine's description and a command line that starts it again. What cannot be had
 * is named in `missing.txt`; a machine that is off yields the files alone.
 */
export async function collectEvidence(state: LabState, directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const missing: string[] = [];
  for (const file of [state.consoleLog, state.agentLog, state.qemuLog, state.specFile, state.processFile]) {
    if (existsSync(file)) copyFileSync(file, join(directory, basename(file)));
  }
  const spec = readMachineSpec(state);
  writeFileSync(join(directory, 'replay.sh'), renderReplay(spec, state), { mode: 0o755 });
  if (findQemu(state) === null) missing.push('the machine is off: no registers, no screenshot');
  else {
    try {
      const qmp = await openQmp(state.sockets.qmp, { timeoutMs: 5_000 });
      await askQemu(qmp, spec, directory, missing);
      qmp.close();
    } catch (error) {
      missing.push(`QEMU: ${error}`);
    }
  }
  if (missing.length > 0) writeFileSync(join(directory, 'missing.txt'), `${missing.join('\n')}\n`);
}

async function askQemu(
  qmp: QmpClient,
  spec: MachineSpec,
  directory: string,
  missing: string[],
): Promise<void> {
  const lapics = Array.from({ length: spec.cpus }, (_, cpu) => `lapic ${cpu}`);
  const jobs: [string, () => Promise<void>][] = [...MONITOR_COMMANDS, ...lapics].map((what) => {
    const file = `qemu-${what.replaceAll(/\W+/g, '-')}.txt`;
    return [file, async () => writeFileSync(join(directory, file), await qmp.monitor(`info ${what}`))];
  });
  jobs.push(['screen.png', () => takeScreenshot(qmp, join(directory, 'screen.png'))]);
  for (const [what, job] of jobs) {
    await job().catch((error) => missing.push(`${what}: ${error.message}`));
  }
}

/** A script that starts the same machine in the foreground, its console on the terminal. */
function renderReplay(spec: MachineSpec, state: LabState): string {
  const args = planQemuArguments(spec, state);
  const command = renderCommandLine({ command: QEMU, args });
  return `#!/bin/sh\n# The machine as the lab started it; the lab's own must be off (\`torpor lab power-cut\`).\nexec ${command}\n`;
}
