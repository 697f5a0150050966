import { bundleProgram } from '../../lab/rootfs/bundle.ts';

/** A program of the tests as one ES module, for an OS without anything installed. */
export async function bundleScript(entry: string): Promise<string> {
  const [file] = await bundleProgram(entry, null);
  return file!.text;
}
