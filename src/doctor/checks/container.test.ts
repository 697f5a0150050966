import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { container } from './container.ts';

const links = (pid: string, user: string) => ({ '/proc/self/ns/pid': pid, '/proc/self/ns/user': user });

test('the initial namespaces are fine', () => {
  assert.equal(probe(container, { links: links('pid:[4026531836]', 'user:[4026531837]') }).status, 'ok');
});

test('a kernel without user namespaces is fine', () => {
  assert.equal(probe(container, { links: { '/proc/self/ns/pid': 'pid:[4026531836]' } }).status, 'ok');
});

test('a container is an obstacle that names the namespace', () => {
  const found = probe(container, { links: links('pid:[4026532222]', 'user:[4026531837]') });
  assert.equal(found.status, 'obstacle');
  assert.match(found.detail, /\(pid namespace\)/);
  assert.equal(
    probe(container, { links: links('pid:[4026531836]', 'user:[4026532555]') }).status,
    'obstacle',
  );
});

test('no /proc is unknown', () => {
  assert.equal(probe(container, {}).status, 'unknown');
});
