import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MIB } from '../../src/base/units.ts';
import { runProcess } from '../build/run-process.ts';
import { addFilesToImage, assembleDisk, makeDiskFromDirectory } from './disk-image.ts';

const skip = spawnSync('debugfs', ['-V']).status !== 0 && 'e2fsprogs is not installed';
const unprivileged = process.getuid?.() !== 0 && spawnSync('fakeroot', ['-v']).status !== 0;
let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'torpor-disk-'));
});
after(async () => {
  await rm(directory, { recursive: true });
});

async function readFromImage(image: string, path: string): Promise<{ text: string; stat: string }> {
  const ask = async (command: string): Promise<string> =>
    (await runProcess('debugfs', ['-R', `${command} ${path}`, image])).stdout;
  return { text: await ask('cat'), stat: await ask('stat') };
}

test('a directory becomes a labelled disk, and files are added to it and replaced', { skip }, async () => {
  const root = join(directory, 'root');
  const image = join(directory, 'disk.img');
  const config = join(directory, 'a config');
  await mkdir(join(root, 'etc'), { recursive: true });
  await writeFile(join(root, 'etc/name'), 'first');
  await makeDiskFromDirectory(root, 8 * MIB, 'torpor-test', image);
  assert.equal((await stat(image)).size, 8 * MIB);
  assert.equal((await readFile(image)).toString('latin1', 1024 + 0x78, 1024 + 0x78 + 11), 'torpor-test');

  for (const text of ['one', 'two']) {
    await writeFile(config, text);
    await addFilesToImage(image, [
      { from: config, to: '/etc/torpor/os/config', mode: 0o600 },
      { from: config, to: '/etc/name' },
    ]);
  }
  const added = await readFromImage(image, '/etc/torpor/os/config');
  assert.equal(added.text, 'two');
  assert.match(added.stat, /Mode:\s+0600[\s\S]*User:\s+0\s+Group:\s+0/);
  assert.equal((await readFromImage(image, '/etc/name')).text, 'two');
  await runProcess('e2fsck', ['-fn', image]);
});

test('a file that does not fit is an error', { skip }, async () => {
  const root = join(directory, 'small');
  const image = join(directory, 'small.img');
  await mkdir(root);
  await makeDiskFromDirectory(root, 2 * MIB, 'small', image);
  const large = join(directory, 'large');
  await writeFile(large, Buffer.alloc(4 * MIB, 1));
  await assert.rejects(addFilesToImage(image, [{ from: large, to: '/large' }]), { code: 'E_LAB_BUILD' });
});

test('an image stays as it is and may grow', { skip }, async () => {
  const image = join(directory, 'given.img');
  const copy = join(directory, 'copy.img');
  await writeFile(image, 'not a filesystem');
  await makeDiskFromDirectory(image, MIB, 'ignored', copy);
  const bytes = await readFile(copy);
  assert.equal(bytes.byteLength, MIB);
  assert.equal(bytes.toString('utf8', 0, 16), 'not a filesystem');
});

test('a root that is not there is an error', async () => {
  const out = join(directory, 'none.img');
  await assert.rejects(makeDiskFromDirectory(join(directory, 'absent'), MIB, 'x', out), { code: 'E_FILE' });
});

test('an assembled disk has its base, its overlay and nothing removed', {
  skip: skip || unprivileged,
}, async () => {
  const overlay = join(directory, 'overlay');
  const base = join(directory, 'base');
  const image = join(directory, 'assembled.img');
  await mkdir(join(overlay, 'etc'), { recursive: true });
  await mkdir(base);
  await writeFile(join(base, 'kept'), 'kept');
  await writeFile(join(base, 'gone'), 'gone');
  await writeFile(join(overlay, 'etc/init'), '#!/bin/sh\n', { mode: 0o775 });
  await runProcess('tar', [
    '-cf',
    join(directory, 'base.tar'),
    '--owner=:33',
    '--group=:33',
    '-C',
    base,
    '.',
  ]);
  await assembleDisk(
    { base: join(directory, 'base.tar'), removed: ['gone'], overlay, label: 'x', sizeBytes: 8 * MIB },
    image,
  );
  const kept = await readFromImage(image, '/kept');
  assert.equal(kept.text, 'kept');
  assert.match(kept.stat, /User:\s+33/);
  assert.match((await readFromImage(image, '/etc/init')).stat, /Mode:\s+0755[\s\S]*User:\s+0/);
  assert.equal((await readFromImage(image, '/gone')).text, '');
});
