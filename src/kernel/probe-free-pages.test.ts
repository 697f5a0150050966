import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectedInFreePages } from './probe-free-pages.ts';

const expectations: [string, string][] = [
  ['', 'any'],
  ['quiet root=/dev/vda', 'any'],
  ['init_on_free=1', 'zero'],
  ['init_on_free=on quiet', 'zero'],
  ['init_on_free=0', 'any'],
  ['init_on_free=1 init_on_free=0', 'any'],
  ['page_poison=1', 'poison'],
  ['page_poison=on init_on_free=1', 'poison'],
  ['page_poison', 'poison'],
  ['page_poison=0 init_on_free=y', 'zero'],
  ['not_page_poison=1 page_poisoning=1', 'any'],
];
for (const [commandLine, expected] of expectations) {
  test(`“${commandLine}” expects ${expected} in free pages`, () => {
    assert.equal(expectedInFreePages(commandLine), expected);
  });
}
