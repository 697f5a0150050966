import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isDebianArchive, parseListFile, parseSourcesFile } from './apt-sources.ts';
import { debianMirror } from './debian-mirror.ts';

const SOURCES = `# a comment
Types: deb deb-src
URIs: http://mirror.example/debian/ http://second.example/debian
# another comment
Suites: trixie trixie-updates
Components: main
Signed-By:
 /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: trixie-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: trixie
Components: main
`;

test('parseSourcesFile() reads enabled stanzas with comments and folded fields', () => {
  const sources = parseSourcesFile(SOURCES);
  assert.deepEqual(
    sources.map(({ uri }) => uri),
    [
      'http://mirror.example/debian/',
      'http://second.example/debian',
      'http://mirror.example/debian-security',
    ],
  );
  assert.equal(sources[0]!.signedBy, '/usr/share/keyrings/debian-archive-keyring.gpg');
  assert.deepEqual(sources[0]!.suites, ['trixie', 'trixie-updates']);
});

test('parseListFile() reads deb lines with and without options', () => {
  const text = [
    '# deb http://off.example/debian trixie main',
    'deb-src http://source.example/debian trixie main',
    'deb [arch=amd64 signed-by=/k.gpg] http://a.example/debian trixie main contrib # why',
    'deb http://b.example/debian sid main',
  ].join('\n');
  assert.deepEqual(parseListFile(text), [
    {
      uri: 'http://a.example/debian',
      suites: ['trixie'],
      components: ['main', 'contrib'],
      signedBy: '/k.gpg',
    },
    { uri: 'http://b.example/debian', suites: ['sid'], components: ['main'], signedBy: undefined },
  ]);
});

test('isDebianArchive() tells the archive from what only looks like it', () => {
  const is = (line: string): boolean => parseListFile(line).some(isDebianArchive);
  assert.ok(is('deb http://mirror.example/debian bookworm main'));
  assert.ok(is('deb mirror+file:/etc/apt/mirrors/debian.list bookworm main'));
  assert.ok(
    is('deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://x.example/frozen/1 sid main'),
  );
  assert.ok(!is('deb http://third.example/linux/debian bookworm stable'));
  assert.ok(!is('deb http://mirror.example/debian-security bookworm-security main'));
  assert.ok(!is('deb http://archive.example/ubuntu noble main'));
});

test('debianMirror() takes TORPOR_DEBIAN_MIRROR, then apt, then deb.debian.org', async (t) => {
  const apt = await mkdtemp(join(tmpdir(), 'torpor-apt-'));
  t.after(() => rm(apt, { recursive: true }));
  assert.equal(await debianMirror({}, apt), 'http://deb.debian.org/debian');
  await mkdir(join(apt, 'sources.list.d'));
  await writeFile(join(apt, 'sources.list.d', 'debian.sources'), SOURCES);
  assert.equal(await debianMirror({}, apt), 'http://mirror.example/debian');
  assert.equal(
    await debianMirror({ TORPOR_DEBIAN_MIRROR: 'http://own.example/d/' }, apt),
    'http://own.example/d',
  );
});
