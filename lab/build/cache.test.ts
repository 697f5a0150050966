import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { cached, cacheRoot, hashFile, hashInputs } from './cache.ts';

async function temporaryRoot(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'torpor-cache-'));
  t.after(() => rm(root, { recursive: true }));
  return root;
}

test('cacheRoot() follows TORPOR_CACHE, then XDG_CACHE_HOME', () => {
  assert.equal(cacheRoot({ TORPOR_CACHE: '/c', XDG_CACHE_HOME: '/x' }), '/c');
  assert.equal(cacheRoot({ XDG_CACHE_HOME: '/x' }), '/x/torpor');
  assert.match(cacheRoot({ XDG_CACHE_HOME: '' }), /\/\.cache\/torpor$/);
});

test('hashInputs() does not depend on the order of keys, but on every value', () => {
  assert.equal(
    hashInputs({ a: 1, b: { c: [1, null], d: 'x' } }),
    hashInputs({ b: { d: 'x', c: [1, null] }, a: 1 }),
  );
  assert.notEqual(hashInputs({ a: 1 }), hashInputs({ a: '1' }));
  assert.notEqual(hashInputs({ a: [1, 2] }), hashInputs({ a: [2, 1] }));
});

test('hashFile() is the SHA-256 of the content', async (t) => {
  const path = join(await temporaryRoot(t), 'file');
  await writeFile(path, 'abc');
  assert.equal(await hashFile(path), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('cached() builds once per inputs and stores them in the manifest', async (t) => {
  const root = await temporaryRoot(t);
  let builds = 0;
  const get = (version: string) =>
    cached(
      'thing',
      { version },
      async (directory) => {
        builds += 1;
        await writeFile(join(directory, 'out'), version);
      },
      undefined,
      { root },
    );
  const first = await get('1');
  assert.equal(await get('1'), first);
  assert.notEqual(await get('2'), first);
  assert.equal(builds, 2);
  assert.equal(await readFile(join(first, 'out'), 'utf8'), '1');
  const manifest = JSON.parse(await readFile(join(first, 'manifest.json'), 'utf8'));
  assert.deepEqual(manifest.inputs, { version: '1' });
  assert.equal((await readdir(join(root, 'thing'))).length, 2);
});

test('cached() leaves nothing of a build that failed, and builds again', async (t) => {
  const root = await temporaryRoot(t);
  const failing = cached('thing', {}, () => Promise.reject(new Error('broken')), undefined, { root });
  await assert.rejects(failing, /broken/);
  assert.deepEqual(await readdir(join(root, 'thing')), []);
  await cached('thing', {}, async () => {}, undefined, { root });
});

test('cached() builds once when two want the same at once', async (t) => {
  const root = await temporaryRoot(t);
  let builds = 0;
  const get = () =>
    cached(
      'thing',
      {},
      async () => {
        builds += 1;
        await sleep(50);
      },
      undefined,
      { root },
    );
  const [a, b] = await Promise.all([get(), get()]);
  assert.equal(a, b);
  assert.equal(builds, 1);
});

test('cached() builds anew what lacks its manifest and removes the workshops of dead builders', async (t) => {
  const root = await temporaryRoot(t);
  const key = hashInputs({});
  await mkdir(join(root, 'thing', key), { recursive: true });
  await mkdir(join(root, 'thing', `.${key}.dead`));
  await cached('thing', {}, async () => {}, undefined, { root });
  assert.deepEqual(await readdir(join(root, 'thing')), [key]);
  assert.deepEqual(await readdir(join(root, 'thing', key)), ['manifest.json']);
});
