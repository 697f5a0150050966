/** `npm run demo`: the lab with its three systems and a monitor, and a tour through them. */
import { reportFailure } from '../src/cli/fail.ts';
import { print } from '../src/cli/output.ts';
import { renderSwitch } from '../src/cli/render-switch.ts';
import { withLock } from './build/lock.ts';
import { runStages } from './commands/run-stages.ts';
import { DEFAULT_CONFIG } from './config/default-config.ts';
import { parseLabConfig, readLabConfig } from './config/lab-config.ts';
import { PROGRAMS, type ProgramState, startProgram } from './demo/programs.ts';
import { renderTour } from './demo/summary.ts';
import { tour } from './demo/tour.ts';
import { labBuilder } from './machine/lab-builder.ts';
import { LabMachine } from './machine/lab-machine.ts';
import { type LabState, locateLab } from './machine/state.ts';
import { planUp, requireOff } from './machine/up.ts';

const GO_ON = `The machine runs on, with everything in it:

    bin/torpor lab switch debian12     go to another OS
    bin/torpor lab console             the console of the OS that runs; Ctrl-] leaves
    bin/torpor lab status              who runs, who is parked, ports for SSH
    bin/torpor lab exec -- CMD         run a command in the OS that runs
    bin/torpor lab down                shut everything down`;

async function main(argv: readonly string[]): Promise<number> {
  const state = locateLab();
  // Before hours of building: the machine of somebody who works with it is not taken away.
  requireOff(state);
  print('Torpor: several whole Linux systems in one machine, switched in milliseconds.');
  print('This builds a lab (a virtual machine) and boots a monitor and three systems in it.');
  print('What is built is kept; the first time takes about half an hour.\n');
  await bringUp(state, argv[0]);
  const machine = LabMachine.open(state);
  try {
    return await showTour(machine);
  } finally {
    machine.close();
  }
}

/** The default lab, or that of a configuration file with OSes of the same names. */
async function bringUp(state: LabState, file: string | undefined): Promise<void> {
  const config = file === undefined ? parseLabConfig(DEFAULT_CONFIG) : readLabConfig(file);
  await withLock(`${state.directory}/up.lock`, async () => {
    requireOff(state);
    await runStages(planUp(config, state, labBuilder));
  });
}

async function showTour(machine: LabMachine): Promise<number> {
  const emulated = machine.spec.accel === 'tcg';
  const started = new Map<string, ProgramState>();
  await runStages(
    PROGRAMS.map((program) => ({
      title: `start in ${program.os}: ${program.title}`,
      run: async () => {
        await machine.switchTo(program.os);
        started.set(program.os, await startProgram(machine, program));
      },
    })),
  );
  print(
    '\nNow the tour. Each system works for three seconds, the others are frozen in their memory meanwhile.\n',
  );
  const result = await tour(machine, started, (report, hostMs, { program, last, wentOn }, gained) => {
    print(report === null ? `→ ${program.os} after ${hostMs.toFixed(0)} ms` : renderSwitch(report));
    const fate = wentOn ? 'went on' : 'DID NOT GO ON';
    print(`    ${program.title}: ${last.count} ${program.unit} (+${gained}), ${fate}`);
  });
  print(`\n${renderTour(result, emulated)}\n`);
  print(GO_ON);
  return result.stories.every(({ wentOn }) => wentOn) ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = reportFailure(error, false);
}
