import { Command } from 'commander';
import { TorporError } from '../../base/errors.ts';
import { formatSize, PAGE_BYTES } from '../../base/units.ts';
import { MAX_SLOTS } from '../../engine/image/parking-layout.ts';
import { withMachineLock } from '../../machine/lock.ts';
import { makeParking } from '../../machine/parking/make-parking.ts';
import {
  openParking,
  rememberParking,
  requireDisk,
  requireParkingArea,
} from '../../machine/parking/parking-place.ts';
import { dropSlot, findParked } from '../../machine/parking/slots.ts';
import { requireRoot } from '../../machine/this-os.ts';
import { openLinuxImage } from '../../sys/linux/image-sys.ts';
import { openLinux } from '../../sys/linux.ts';
import { print, printJson } from '../output.ts';

interface PlaceOptions {
  name?: string;
  shared: string[];
  json?: boolean;
}

export function parkingCommand(): Command {
  return new Command('torpor parking')
    .description('without a memory plan: a disk on which OSes lie while another one runs')
    .addCommand(init())
    .addCommand(use())
    .addCommand(drop());
}

function init(): Command {
  return addPlaceOptions(
    new Command('init').description('make a disk or partition the parking area; this OS will use it'),
  )
    .option('--slots <number>', 'how many OSes at most, this one among them', '2')
    .option('--force', 'give up what is on the disk')
    .action(async (id: string, options: PlaceOptions & { slots: string; force?: boolean }) => {
      const [sys, image] = [openLinux(), openLinuxImage()];
      requireRoot(sys);
      const slots = Number(options.slots);
      if (!Number.isInteger(slots) || slots < 2 || slots > MAX_SLOTS) {
        throw new TorporError('E_USAGE', `“${options.slots}” is no number of slots`, {
          facts: { text: options.slots },
          hint: `an area has 2 to ${MAX_SLOTS} slots`,
        });
      }
      const { settings, area } = await withMachineLock(() => {
        const disk = requireDisk(sys, id);
        const made = makeParking(sys, image, disk, { slots, force: options.force === true });
        return { settings: rememberParking(sys, disk, wishOf(options)), area: made };
      });
      const slotBytes = area.head.slotPages * PAGE_BYTES;
      if (options.json === true) return printJson({ ...settings, device: area.device, slots, slotBytes });
      print(
        `${area.device} has ${slots} slots of ${formatSize(slotBytes)}; this OS parks there as “${settings.os}”`,
      );
    });
}

function use(): Command {
  return addPlaceOptions(
    new Command('use').description('this OS uses a parking area that another one has made'),
  ).action(async (id: string, options: PlaceOptions) => {
    const [sys, image] = [openLinux(), openLinuxImage()];
    requireRoot(sys);
    const settings = await withMachineLock(() => {
      const disk = requireDisk(sys, id);
      requireParkingArea(image, disk.path);
      return rememberParking(sys, disk, wishOf(options));
    });
    if (options.json === true) return printJson(settings);
    print(`this OS parks on ${settings.disk} as “${settings.os}”`);
  });
}

function drop(): Command {
  return new Command('drop')
    .description('give up what a parked OS had in memory; its disks stay')
    .argument('<os>')
    .option('--json', 'print JSON')
    .action(async (os: string, options: { json?: boolean }) => {
      const [sys, image] = [openLinux(), openLinuxImage()];
      requireRoot(sys);
      await withMachineLock(() => {
        const { area } = openParking(sys, image);
        dropSlot(image, area, findParked(image, area, os).slot);
      });
      if (options.json === true) return printJson({ dropped: os });
      print(`“${os}” is no longer parked; it starts anew at the next start of the machine`);
    });
}

function addPlaceOptions(command: Command): Command {
  return command
    .argument('<disk>', 'serial number, /dev path or PARTUUID=…')
    .option('--name <os>', 'what this OS is called there; default: the host name')
    .option(
      '--shared <place>',
      'the mount point of a filesystem that other OSes mount too: it is unmounted while this one is parked (repeatable)',
      (value: string, all: string[]) => [...all, value],
      [] as string[],
    )
    .option('--json', 'print JSON');
}

function wishOf({ name, shared }: PlaceOptions) {
  return { os: name ?? null, shared };
}
