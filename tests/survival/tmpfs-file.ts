import { RAM } from './guest-os.ts';
import { ANY_OS, requireSame, type SurvivalProgram } from './program.ts';

const SUM = `sha256sum <${RAM}/tmpfs-file | cut -d' ' -f1`;

export const tmpfsFile: SurvivalProgram = {
  id: 'tmpfs-file',
  doc: 'two megabytes of random bytes in a file that lies in RAM',
  needs: ANY_OS,
  prepare: async (os) => ({
    sum: await os.sh(`dd if=/dev/urandom of=${RAM}/tmpfs-file bs=64k count=32 2>/dev/null; ${SUM}`),
  }),
  verify: async (os, facts) => {
    requireSame(`the file in RAM of ${os.name}`, facts.sum!, await os.sh(SUM));
    return facts;
  },
};
