import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { failure } from '../base/errors.fixture.ts';
import { TorporError } from '../base/errors.ts';
import { decodeEntry, makeDisk, Registry } from './registry.ts';

const root = mkdtempSync(join(tmpdir(), 'torpor-registry-'));
after(() => rmSync(root, { recursive: true }));
/** Any code units; fast-check's own units take a second to set up. */
const unicode = fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units));
let count = 0;

function open(): { registry: Registry; directory: string } {
  const directory = join(root, String(count++), 'os.d');
  return { registry: new Registry(directory), directory };
}
const FULL = {
  name: 'debian-12',
  kernel: '/boot/vmlinuz',
  initrd: '/boot/initrd',
  memory: '1G',
  slot: 2,
  args: 'root=/dev/vda quiet',
  disks: [{ id: 'torpor-7', name: 'torpor-7', shared: false }],
};

test('what is added is listed in order, replaced and removed', () => {
  const { registry, directory } = open();
  assert.deepEqual(registry.list(), []);
  registry.add(FULL);
  registry.add({ name: 'a', kernel: '/k', args: '', disks: [] });
  assert.deepEqual(registry.list(), [{ name: 'a', kernel: '/k', args: '', disks: [] }, FULL]);
  assert.deepEqual(registry.get('debian-12'), FULL);
  registry.add({ ...FULL, memory: '2G' }, true);
  assert.equal(registry.get('debian-12').memory, '2G');
  registry.remove('a');
  assert.deepEqual(readdirSync(directory), ['debian-12.toml']);
});

test('an OS is not added twice', () => {
  const { registry } = open();
  registry.add(FULL);
  failure('E_OS_EXISTS', () => registry.add(FULL));
});

test('an OS that is not there is E_OS_UNKNOWN', () => {
  const { registry } = open();
  for (const action of [() => registry.get('x'), () => registry.remove('x'), () => registry.get('../x')])
    assert.match(failure('E_OS_UNKNOWN', action).hint!, /torpor os ls/);
});

for (const name of ['', '-x', '.x', 'A', 'a b', 'a/b', '../x', 'ü', 'a\n', 'x'.repeat(32)]) {
  test(`${JSON.stringify(name)} is no name`, () => {
    const { registry, directory } = open();
    failure('E_USAGE', () => registry.add({ ...FULL, name }));
    assert.equal(registry.has(name), false);
    assert.equal(existsSync(directory), false);
  });
}

test('what could not be read back is not written', () => {
  const { registry, directory } = open();
  failure('E_SIZE', () => registry.add({ ...FULL, memory: 'lots' }));
  for (const slot of [Number.NaN, 0, 16, 1.5]) failure('E_USAGE', () => registry.add({ ...FULL, slot }));
  assert.equal(existsSync(directory), false);
});

test('a damaged file names itself, can be removed and replaced', () => {
  const { registry, directory } = open();
  registry.add(FULL);
  writeFileSync(join(directory, 'debian-12.toml'), 'kernel = \n');
  const { facts } = failure('E_REGISTRY', () => registry.list());
  assert.equal(facts.path, join(directory, 'debian-12.toml'));
  registry.add(FULL, true);
  writeFileSync(join(directory, 'debian-12.toml'), 'kernel = 5\n');
  registry.remove('debian-12');
  assert.deepEqual(registry.list(), []);
});

test('files that are no entries are left alone', () => {
  const { registry, directory } = open();
  registry.add(FULL);
  for (const name of ['README', 'Upper.toml', 'x.toml.new']) writeFileSync(join(directory, name), 'x');
  assert.deepEqual(registry.list(), [FULL]);
});

const refused: [string, string][] = [
  ['a syntax error', 'kernel = "/k'],
  ['no kernel', 'memory = "1G"'],
  ['an unknown key', 'kernel = "/k"\nkernal = "/k"'],
  ['a wrong type', 'kernel = 7'],
  ['a size that is none', 'kernel = "/k"\nmemory = "much"'],
  ['a slot that nobody has', 'kernel = "/k"\nslot = 16'],
  ['a date as arguments', 'kernel = "/k"\nargs = 2020-01-01'],
];
for (const [what, text] of refused) {
  test(`decodeEntry() refuses ${what}`, () => {
    const error = failure('E_REGISTRY', () => decodeEntry('x', text, '/etc/x.toml'));
    assert.match(error.message, /^\/etc\/x\.toml is not valid: ./);
    assert.match(error.hint!, /torpor os add x/);
  });
}

test('decodeEntry() answers any text with an entry or E_REGISTRY', () => {
  const line = fc.constantFrom(
    'kernel = "/k"',
    'slot = 3',
    'slot = nan',
    'memory = "1G"',
    '[x]',
    'args = """',
    'name = "y"',
    '__proto__ = 1',
  );
  const text = fc.oneof(
    fc.string(),
    unicode,
    fc.array(line).map((lines) => lines.join('\n')),
  );
  fc.assert(
    fc.property(text, (content) => {
      try {
        const entry = decodeEntry('x', content, '/p');
        assert.equal(entry.name, 'x');
        assert.equal(typeof entry.kernel, 'string');
      } catch (error) {
        assert.ok(error instanceof TorporError && error.code === 'E_REGISTRY', String(error));
      }
    }),
  );
});

test('any entry that add() takes is read back as it was', () => {
  const { registry } = open();
  const text = unicode.map((value) => value.toWellFormed());
  const id = fc.oneof(text, fc.constantFrom('/dev/vdb', 'PARTUUID=1-2', 'serial 7'));
  const disk = fc.record({ id: id.filter((value) => value !== ''), shared: fc.boolean() });
  const disks = fc
    .array(disk, { maxLength: 4 })
    .map((all) => all.map((one, at) => ({ ...one, name: `disk${at}` })));
  fc.assert(
    fc.property(fc.record({ kernel: text, initrd: text, args: text, disks }), (fields) => {
      registry.add({ name: 'x', ...fields }, true);
      assert.deepEqual(registry.get('x'), { name: 'x', ...fields });
    }),
    { numRuns: 50 },
  );
});

test('a disk has a name for snapshots, made from its id', () => {
  for (const [id, name] of [
    ['torpor-7', 'torpor-7'],
    ['/dev/vdb1', 'vdb1'],
    ['/dev/disk/by-id/nvme-X_1', 'nvme-X_1'],
    ['PARTUUID=0a-1', 'PARTUUID:0a-1'],
  ] as const) {
    const [disk] = decodeEntry('a', `kernel = "/k"\n[[disks]]\nid = "${id}"\n`, 'a.toml').disks;
    assert.deepEqual(disk, { id, name, shared: false });
    assert.deepEqual(makeDisk(id, false), disk);
  }
});

test('disks without a usable name, or with the same one, are refused', () => {
  const entry = (...lines: string[]): string =>
    `kernel = "/k"\n${lines.map((line) => `[[disks]]\n${line}\n`).join('')}`;
  for (const text of [
    entry('id = "with space"'),
    entry('id = "a"', 'id = "/dev/a"'),
    entry('id = ""'),
    entry('id = "a"\nsize = 3'),
  ])
    failure('E_REGISTRY', () => decodeEntry('a', text, 'a.toml'));
  const named = decodeEntry('a', entry('id = "with space"\nname = "data"\nshared = true'), 'a.toml');
  assert.deepEqual(named.disks, [{ id: 'with space', name: 'data', shared: true }]);
});
