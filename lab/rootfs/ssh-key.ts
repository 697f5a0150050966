import { join } from 'node:path';
import { cached } from '../build/cache.ts';
import type { ReportBuild } from '../build/progress.ts';
import { runProcess } from '../build/run-process.ts';

/** The private key that opens root on every OS of this cache's lab; its public half ends in `.pub`. */
export async function ensureSshKey(report: ReportBuild): Promise<string> {
  const place = await cached(
    'ssh-key',
    { type: 'ed25519' },
    async (directory) => {
      report({ step: "make the lab's SSH key" });
      const args = ['-q', '-t', 'ed25519', '-N', '', '-C', 'torpor-lab', '-f', join(directory, 'id_ed25519')];
      await runProcess('ssh-keygen', args);
    },
    report,
  );
  return join(place, 'id_ed25519');
}
