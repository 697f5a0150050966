import { describeEngine } from './engine.contract.ts';
import { ResidentMachine } from './engine-resident.fixture.ts';

describeEngine('the resident engine', () => new ResidentMachine(), 'E_OS_UNKNOWN', {
  'a parked OS goes on after a power cut':
    'parked OSes are in memory, and gone with the power; what survives is in the bank',
  'a parked OS whose disk was written to is not entered':
    'a switch of milliseconds looks at no disk: disks are compared when an OS is booted or restored',
});
