import { resolve } from 'node:path';
import type { QmpClient } from './qmp.ts';

/** Writes what the machine's screen shows as a PNG file. */
export async function takeScreenshot(qmp: QmpClient, file: string): Promise<void> {
  await qmp.execute('screendump', { filename: resolve(file), format: 'png' });
}
