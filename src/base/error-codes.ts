import type { ExitClass } from './exit-status.ts';

interface ErrorCode {
  readonly exit: ExitClass;
  /** What the code means, one sentence; docs/errors.md is generated from it. */
  readonly meaning: string;
}

/** The closed set of errors that a user can meet. */
export const ERROR_CODES = {
  E_USAGE: { exit: 'usage', meaning: 'The command line is wrong.' },
  E_SIZE: { exit: 'usage', meaning: 'A text is not a size such as 512M or 4G.' },

  E_NOT_ROOT: { exit: 'machine', meaning: 'The command needs root.' },
  E_NO_DEVMEM: { exit: 'machine', meaning: '/dev/mem is missing or cannot be opened.' },
  E_DEVMEM_REFUSED: { exit: 'machine', meaning: 'The kernel refused to map a physical range.' },
  E_NO_FIRMWARE_MAP: { exit: 'machine', meaning: 'The firmware memory map cannot be read.' },
  E_NO_KEXEC_JUMP: { exit: 'machine', meaning: 'The running kernel has no KEXEC_JUMP.' },
  E_KEXEC_FORBIDDEN: { exit: 'machine', meaning: 'The running kernel forbids kexec_load.' },
  E_UNSOUND_KERNEL: { exit: 'machine', meaning: "This kernel's jump path is known to be unsound." },
  E_PAGING_MODE: {
    exit: 'machine',
    meaning: 'Kernels of one machine must all use 4-level or all 5-level paging.',
  },
  E_OTHER_MACHINE: {
    exit: 'machine',
    meaning: 'The snapshot belongs to another machine, or this one has changed since.',
  },
  E_NO_PLAN: { exit: 'machine', meaning: 'No memory plan is in force on this machine.' },

  E_FILE: { exit: 'input', meaning: 'A file cannot be read.' },
  E_CONFIG: { exit: 'input', meaning: 'A configuration file is not valid.' },
  E_NOT_BZIMAGE: { exit: 'input', meaning: 'The file is not an x86 bzImage.' },
  E_KERNEL_32BIT: { exit: 'input', meaning: 'The kernel has no 64-bit entry point.' },
  E_KERNEL_NOT_RELOCATABLE: { exit: 'input', meaning: 'The kernel is not relocatable.' },
  E_KERNEL_NO_JUMP: { exit: 'input', meaning: 'The kernel to boot was built without KEXEC_JUMP.' },
  E_KERNEL_TOO_LARGE: { exit: 'input', meaning: 'The kernel does not fit its slot.' },
  E_INITRD_TOO_LARGE: { exit: 'input', meaning: 'The initrd does not fit its slot beside the kernel.' },
  E_CMDLINE_TOO_LONG: {
    exit: 'input',
    meaning: 'The kernel command line is longer than the kernel accepts.',
  },
  E_FIRMWARE_MAP: { exit: 'input', meaning: 'A firmware map is malformed.' },
  E_VMCOREINFO: { exit: 'input', meaning: 'A VMCOREINFO note is malformed or lacks a field.' },
  E_KERNEL_DATA: {
    exit: 'input',
    meaning: 'The memory of a kernel does not hold what was looked for, or it is damaged.',
  },

  E_PLAN_OVERLAP: { exit: 'usage', meaning: 'Two ranges of the memory plan overlap.' },
  E_PLAN_ALIGNMENT: { exit: 'usage', meaning: 'A range of the memory plan is not aligned.' },
  E_PLAN_NOT_RAM: {
    exit: 'usage',
    meaning: 'A range of the memory plan is not inside one usable firmware range.',
  },
  E_PLAN_NO_ROOM: { exit: 'usage', meaning: 'The wanted slots do not fit this machine.' },
  E_PLAN_LOW_SLICE: { exit: 'usage', meaning: 'The slices below 1 MiB are too small or too many.' },
  E_PLAN_SLOTS: { exit: 'usage', meaning: 'The number, names or sizes of the wanted slots are not valid.' },

  E_OS_UNKNOWN: { exit: 'state', meaning: 'No OS of that name is registered.' },
  E_OS_EXISTS: { exit: 'state', meaning: 'An OS of that name is registered already.' },
  E_OS_RUNNING: { exit: 'state', meaning: 'The OS is the one that runs now.' },
  E_OS_BOOTED: { exit: 'state', meaning: 'The OS is resident already.' },
  E_OS_EMPTY: { exit: 'state', meaning: 'The slot of the OS holds nothing.' },
  E_OS_CRASHED: { exit: 'state', meaning: 'The OS has crashed.' },
  E_OS_STATE: { exit: 'state', meaning: 'The OS is not in a state that allows this.' },
  E_NO_SLOT: { exit: 'state', meaning: 'No slot is free or large enough.' },
  E_DISK_MISSING: { exit: 'state', meaning: 'A disk that an OS needs is not there.' },
  E_DISK_IN_USE: { exit: 'state', meaning: 'A disk is in use by another OS.' },
  E_DISK_CHANGED: {
    exit: 'state',
    meaning: 'A disk is not the one, or no longer in the state, that the snapshot belongs to.',
  },
  E_RESTORE_UNFINISHED: {
    exit: 'state',
    meaning: 'A restore of this OS was interrupted; its memory and disks are not whole.',
  },
  E_BUSY: { exit: 'state', meaning: 'Another command is changing the machine.' },

  E_FREEZE_REFUSED: {
    exit: 'refused',
    meaning: 'The kernel could not freeze every task or device; nothing changed.',
  },
  E_KEXEC_REFUSED: { exit: 'refused', meaning: 'The kernel refused the kexec image.' },
  E_SYSCALL: { exit: 'refused', meaning: 'A system call failed.' },
  E_STOP_REFUSED: { exit: 'refused', meaning: 'The OS did not shut down.' },

  E_SWITCHBOARD_MAGIC: { exit: 'damaged', meaning: 'There is no switchboard at its address.' },
  E_SWITCHBOARD_VERSION: { exit: 'damaged', meaning: 'The switchboard has another version.' },
  E_SWITCHBOARD_CHECKSUM: { exit: 'damaged', meaning: 'The switchboard does not match its checksum.' },
  E_SWITCHBOARD_VALUE: { exit: 'damaged', meaning: 'A field of the switchboard is impossible.' },
  E_MAILBOX: { exit: 'damaged', meaning: 'A mailbox message is malformed.' },
  E_REGISTRY: { exit: 'damaged', meaning: 'The registry of OSes is malformed.' },

  E_NO_BANK: { exit: 'input', meaning: 'There is no bank at the place that was named.' },
  E_BANK_FORMAT: { exit: 'input', meaning: 'The bank has another format or version than this Torpor reads.' },
  E_BANK_DAMAGED: { exit: 'damaged', meaning: 'A blob of the bank is missing, cut short or changed.' },
  E_BANK_BUSY: { exit: 'state', meaning: 'Another process writes to the bank.' },
  E_BANK_FULL: { exit: 'machine', meaning: 'The filesystem of the bank has no room left.' },
  E_BANK_KEY: { exit: 'input', meaning: 'The bank is encrypted and the key is missing, wrong or damaged.' },
  E_BANK_LIMIT: { exit: 'usage', meaning: 'A snapshot is larger than the format of the bank allows.' },
  E_NO_SNAPSHOT: {
    exit: 'state',
    meaning: 'The bank has no such snapshot, or several that the text could mean.',
  },
  E_SNAPSHOT_EXISTS: { exit: 'state', meaning: 'The bank has a snapshot of that name already.' },

  E_RESTORE_DIFFERS: {
    exit: 'damaged',
    meaning: 'What a restore has written is not what the snapshot holds.',
  },

  E_NO_SNAPSHOT_DEVICE: {
    exit: 'machine',
    meaning: 'The running kernel has no /dev/snapshot, or forbids hibernation.',
  },
  E_IMAGE_MEMORY: { exit: 'refused', meaning: 'Too little memory is free to make or load an image.' },
  E_IMAGE_STREAM: { exit: 'damaged', meaning: "A kernel's image is not of a form that Torpor knows." },
  E_SWAP_IN_USE: { exit: 'state', meaning: 'The system has swap in use, which an image does not cover.' },
  E_STAGING: { exit: 'damaged', meaning: 'The staging area is missing, unusable or changed.' },
  E_STAGING_FULL: { exit: 'machine', meaning: 'The staging area is too small for the image.' },
  E_NO_PARKING: { exit: 'state', meaning: 'This OS knows no parking area.' },
  E_PARKING: { exit: 'damaged', meaning: 'The parking area is missing, unusable or changed.' },
  E_NOT_PARKED: { exit: 'state', meaning: 'No OS of that name is in the parking area.' },
  E_NO_FENCE: {
    exit: 'machine',
    meaning: 'A filesystem cannot be watched for changes while its OS is parked.',
  },
  E_BANK_PLACE: {
    exit: 'state',
    meaning: 'The bank is on a filesystem that belongs to the system that is to be saved.',
  },

  E_NO_ANSWER: { exit: 'timeout', meaning: 'Home came back without an answer to what it was asked for.' },
  E_TIMEOUT: { exit: 'timeout', meaning: 'Something did not answer in time.' },

  E_LAB_MISSING: { exit: 'lab', meaning: 'A program or package that the lab needs is missing.' },
  E_LAB_BUILD: { exit: 'lab', meaning: 'Building a part of the lab failed.' },
  E_LAB_RUNNING: { exit: 'lab', meaning: 'The lab machine runs already.' },
  E_LAB_BUSY: { exit: 'lab', meaning: 'Another process talks to the lab machine.' },
  E_LAB_DOWN: { exit: 'lab', meaning: 'The lab machine does not run.' },
  E_LAB_MACHINE: { exit: 'lab', meaning: 'The lab machine stopped or misbehaved.' },
  E_LAB_WRONG_OS: { exit: 'lab', meaning: 'Another OS than the named one runs now.' },
  E_LAB_COMMAND: { exit: 'lab', meaning: 'A command inside the lab machine failed.' },
} as const satisfies Record<string, ErrorCode>;

export type ErrorCodeName = keyof typeof ERROR_CODES;
