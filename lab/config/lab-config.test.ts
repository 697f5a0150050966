import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TorporError } from '../../src/base/errors.ts';
import { GIB, MIB } from '../../src/base/units.ts';
import { DEFAULT_CONFIG } from './default-config.ts';
import { parseLabConfig } from './lab-config.ts';

const OS = '[[os]]\nname = "a"\nkernel = "6.12"\nroot = "tiny"\nmemory = "128M"\n';

function failure(text: string): TorporError {
  try {
    parseLabConfig(text, '/etc/lab.toml');
  } catch (error) {
    assert.ok(error instanceof TorporError, String(error));
    assert.equal(error.code, 'E_CONFIG');
    return error;
  }
  assert.fail('the text was accepted');
}

test('the default configuration has a monitor and three OSes', () => {
  const config = parseLabConfig(DEFAULT_CONFIG);
  assert.equal(config.home.name, 'monitor');
  assert.equal(config.home.memoryBytes, 512 * MIB);
  assert.deepEqual(
    config.guests.map((os) => os.name),
    ['tiny', 'debian12', 'debian13'],
  );
  assert.deepEqual(config.guests[2]!.kernel, { version: '7.2' });
});

test('parseLabConfig() resolves paths against the directory of the file', () => {
  const text = `${OS}initrd = "i.gz"\n[[os]]\nname = "b"\nkernel = "./bzImage"\nroot = "../tree"\nmemory = "1G"\nargs = "a b"\n`;
  const [a, b] = parseLabConfig(text, '/srv/lab/x.toml').guests;
  assert.equal(a!.initrd, '/srv/lab/i.gz');
  assert.deepEqual(b!.kernel, { path: '/srv/lab/bzImage' });
  assert.deepEqual(b!.root, { kind: 'directory', path: '/srv/tree' });
  assert.deepEqual(b!.args, ['a', 'b']);
});

test('parseLabConfig() takes the OS that `home` names out of the guests', () => {
  const config = parseLabConfig(`[machine]\nhome = "a"\n${OS}`);
  assert.equal(config.home.name, 'a');
  assert.deepEqual(config.guests, []);
});

test('parseLabConfig() gives home a bank disk of 8 GiB, of another size, or none', () => {
  const bank = (line: string) => parseLabConfig(`[machine]\n${line}\n${OS}`).bankBytes;
  assert.equal(bank(''), 8 * GIB);
  assert.equal(bank('bank = "512M"'), 512 * MIB);
  assert.equal(bank('bank = false'), null);
});

const refused: [string, string, number, string][] = [
  ['a syntax error', '[machine]\ncpus = \n', 2, ''],
  ['an unknown key', `[machine]\nspeed = 3\n${OS}`, 2, 'machine.speed'],
  ['an unknown table', `${OS}[other]\nx = 1\n`, 6, 'other'],
  ['a bad size', OS.replace('128M', 'lots'), 5, 'os.0.memory'],
  ['a bank of no size', `[machine]\nbank = true\n${OS}`, 2, 'machine.bank'],
  ['a size below 1 MiB', OS.replace('128M', '100K'), 5, 'os.0.memory'],
  ['a bad name', OS.replace('"a"', '"A B"'), 2, 'os.0.name'],
  ['a name twice', OS + OS, 7, 'os.1.name'],
  ['root and disk', `${OS}disk = "x.img"\n`, 6, 'os.0.disk'],
  ['nothing to boot from', OS.replace('root = "tiny"\n', ''), 2, 'os.0.name'],
  ['an unknown firmware', `[machine]\nfirmware = "coreboot"\n${OS}`, 2, 'machine.firmware'],
  ['a kernel that it does not build', OS.replace('6.12', '2.4'), 3, 'os.0.kernel'],
  ['a root that it does not know', OS.replace('tiny', 'plan9'), 4, 'os.0.root'],
  ['an unknown home', `[machine]\nhome = "z"\n${OS}`, 2, 'machine.home'],
  ['no OS', '[machine]\ncpus = 2\n', 1, 'os'],
];
for (const [what, text, line, key] of refused) {
  test(`parseLabConfig() refuses ${what}, naming its line`, () => {
    const { facts, message } = failure(text);
    assert.deepEqual({ line: facts.line, key: facts.key }, { line, key });
    assert.match(message, new RegExp(`^/etc/lab.toml:${line}: `));
  });
}

test('parseLabConfig() answers any text with a configuration or E_CONFIG', () => {
  const piece = fc.constantFrom(
    ...OS.split('\n'),
    '[machine]',
    'cpus = 99',
    'memory = 7',
    '[[os]]',
    'os = []',
    '[os]',
  );
  const texts = fc.oneof(
    fc.string(),
    fc.array(piece).map((lines) => lines.join('\n')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        parseLabConfig(text);
      } catch (error) {
        assert.ok(error instanceof TorporError && error.code === 'E_CONFIG', String(error));
      }
    }),
    { numRuns: 500 },
  );
});
