import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import fc from 'fast-check';
import { packTar, readTar, type TarFile } from './tar.ts';

const fileOf = (name: string, ...content: readonly Uint8Array[]): TarFile => ({
  name,
  sizeBytes: content.reduce((sum, chunk) => sum + chunk.length, 0),
  content,
});

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}

async function readAll(chunks: Iterable<Uint8Array>): Promise<(readonly [string, string | null, string])[]> {
  const files: (readonly [string, string | null, string])[] = [];
  for await (const entry of readTar(chunks)) {
    files.push([entry.name, entry.type, (await collect(entry.content)).toString('hex')]);
  }
  return files;
}

const SAMPLE = [
  fileOf('oci-layout', Buffer.from('{}')),
  fileOf('empty'),
  fileOf(`blobs/sha256/${'a'.repeat(64)}`, Buffer.alloc(100_000, 7), Buffer.alloc(3, 9)),
  fileOf('x'.repeat(180), Buffer.from('long')),
];

test('reads what it packed, in pieces of any size', async () => {
  const archive = await collect(packTar(SAMPLE));
  const expected = await Promise.all(
    SAMPLE.map(async (file) => [
      file.name,
      'file',
      Buffer.concat([...(file.content as Uint8Array[])]).toString('hex'),
    ]),
  );
  for (const size of [1000, 512, 65_536, archive.length]) {
    const pieces = Array.from({ length: Math.ceil(archive.length / size) }, (_, at) =>
      archive.subarray(at * size, (at + 1) * size),
    );
    assert.deepEqual(await readAll(pieces), expected);
  }
});

test('the same files give the same bytes, and tar reads them', async () => {
  const archive = await collect(packTar(SAMPLE));
  assert.deepEqual(await collect(packTar(SAMPLE)), archive);
  const { stdout } = spawnSync('tar', ['-t'], { input: archive, encoding: 'utf8' });
  assert.deepEqual(
    stdout.trim().split('\n'),
    SAMPLE.map((file) => file.name),
  );
});

test('content that is not read is passed over', async () => {
  const archive = await collect(packTar(SAMPLE));
  const names: string[] = [];
  for await (const entry of readTar([archive])) names.push(entry.name);
  assert.deepEqual(
    names,
    SAMPLE.map((file) => file.name),
  );
});

test('a chunk may be used again as soon as the next one is asked for', async () => {
  const buffer = new Uint8Array(40_000);
  const content = function* (): Generator<Uint8Array> {
    for (let step = 0; step < 5; step += 1) yield buffer.fill(step);
  };
  const archive = await collect(packTar([{ name: 'x', sizeBytes: 200_000, content: content() }]));
  const [[, , hex] = []] = await readAll([archive]);
  const expected = [0, 1, 2, 3, 4].map((step) => Buffer.alloc(40_000, step));
  assert.equal(hex, Buffer.concat(expected).toString('hex'));
});

test('content of another size, or that fails, ends the packing', async () => {
  for (const sizeBytes of [1, 3]) {
    await assert.rejects(
      collect(packTar([{ name: 'x', sizeBytes, content: [new Uint8Array(2)] }])),
      RangeError,
    );
  }
  const failing = function* (): Generator<Uint8Array> {
    yield new Uint8Array(100_000);
    throw new SyntaxError('read');
  };
  await assert.rejects(
    collect(packTar([{ name: 'x', sizeBytes: 200_000, content: failing() }])),
    SyntaxError,
  );
});

test('an archive that ends early or is none is a RangeError; an error of its reader stays', async () => {
  const archive = await collect(packTar(SAMPLE));
  const [firstByte, short] = [1, 60_000];
  for (const size of [firstByte, 511, 600, 1500, short]) {
    await assert.rejects(readAll([archive.subarray(0, size)]), RangeError, `${size} bytes`);
  }
  await assert.rejects(readAll([Buffer.alloc(2048, 1)]), RangeError);
  const failing = function* (): Generator<Uint8Array> {
    yield archive.subarray(0, 5000);
    throw new SyntaxError('read');
  };
  await assert.rejects(readAll(failing()), SyntaxError);
});

test('whoever stops in the middle leaves nothing behind that fails later', async () => {
  const archive = await collect(packTar(SAMPLE));
  for await (const entry of readTar([archive])) {
    assert.equal(entry.name, 'oci-layout');
    break;
  }
  for await (const chunk of packTar(SAMPLE)) {
    assert.ok(chunk.length > 0);
    break;
  }
});

test('any damage gives entries or a RangeError', async () => {
  const archive = await collect(packTar(SAMPLE.slice(0, 2)));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
      async (changes) => {
        const damaged = Buffer.from(archive);
        for (const [at, value] of changes) damaged[at % damaged.length] = value;
        await readAll([damaged]).catch((error: unknown) =>
          assert.ok(error instanceof RangeError, String(error)),
        );
      },
    ),
    { numRuns: 300 },
  );
});
