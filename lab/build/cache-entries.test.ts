import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { cached, manifestPath } from './cache.ts';
import { listCache, removeEntry } from './cache-entries.ts';

async function temporaryRoot(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'torpor-cache-'));
  t.after(() => rm(root, { recursive: true }));
  return root;
}

/** Builds a file of 10,000 bytes, or finds it. */
async function get(root: string, kind: string, version: string): Promise<string> {
  const build = (directory: string): Promise<void> =>
    writeFile(join(directory, 'out'), Buffer.alloc(10_000, 1));
  return await cached(kind, { version }, build, undefined, { root });
}

test('what was found last is used last', async (t) => {
  const root = await temporaryRoot(t);
  const places = [await get(root, 'kernel', '1'), await get(root, 'kernel', '2')];
  const longAgo = new Date(Date.now() - 100_000_000);
  for (const place of places) await utimes(manifestPath(place), longAgo, longAgo);
  await get(root, 'kernel', '1');
  const entries = await listCache(root);
  assert.deepEqual(
    entries.map(({ kind, key }) => join(root, kind, key)),
    [places[1], places[0]],
  );
  assert.equal(entries[0]!.usedMs, longAgo.getTime());
  assert.ok(Date.now() - entries[1]!.usedMs < 60_000);
  assert.ok(entries.every(({ bytes }) => bytes >= 10_000));
});

test('an entry that is removed is built again, others stay', async (t) => {
  const root = await temporaryRoot(t);
  const place = await get(root, 'kernel', '1');
  await get(root, 'tools', '1');
  await removeEntry(root, (await listCache(root)).find(({ kind }) => kind === 'kernel')!);
  assert.deepEqual(
    (await listCache(root)).map(({ kind }) => kind),
    ['tools'],
  );
  assert.deepEqual(await readdir(join(root, 'kernel')), []);
  assert.equal(await get(root, 'kernel', '1'), place);
});

test('what is not whole is no entry, and a cache that is not there has none', async (t) => {
  const root = await temporaryRoot(t);
  await mkdir(join(root, 'kernel/.abc.1234'), { recursive: true });
  await mkdir(join(root, 'apt/lists'), { recursive: true });
  await writeFile(join(root, 'accelerator.json'), '{}');
  assert.deepEqual(await listCache(root), []);
  assert.deepEqual(await listCache(join(root, 'nowhere')), []);
});
