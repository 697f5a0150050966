import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { ps2Mouse } from './ps2-mouse.ts';

const device = (phys: string) =>
  `I: Bus=0011\nN: Name="ImExPS/2 Generic Explorer Mouse"\nP: Phys=${phys}\nH: Handlers=mouse0 \n`;
const keyboard = 'I: Bus=0011\nN: Name="AT keyboard"\nP: Phys=isa0060/serio0/input0\n';

test('a keyboard alone is fine', () => {
  assert.equal(probe(ps2Mouse, { files: { '/proc/bus/input/devices': keyboard } }).status, 'ok');
  assert.equal(probe(ps2Mouse, { arguments: 'i8042.noaux' }).detail, 'switched off');
});

test('a mouse is slow', () => {
  const found = probe(ps2Mouse, {
    files: { '/proc/bus/input/devices': `${keyboard}\n${device('isa0060/serio1/input0')}` },
  });
  assert.equal(found.status, 'warning');
  assert.match(found.detail, /Generic Explorer/);
});
