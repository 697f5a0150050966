import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type AgentMessage,
  encodeLine,
  LineDecoder,
  MAX_LINE_BYTES,
  messageSchema,
  RECORD_SEPARATOR,
  requestSchema,
} from './protocol.ts';

/** Any code units; fast-check's own units take a second to set up. */
const unicode = fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units));

/** Cuts a text at the given places. */
function cut(text: string, places: readonly number[]): string[] {
  const at = [0, ...places.map((place) => place % (text.length + 1)).toSorted((a, b) => a - b), text.length];
  return at.slice(1).map((end, index) => text.slice(at[index]!, end));
}

const message = fc.oneof(
  fc.record({ id: fc.nat(), ack: fc.constant(true as const) }),
  fc.record({ id: fc.nat(), out: fc.base64String(), stream: fc.constantFrom(1 as const, 2 as const) }),
  fc.record({
    event: fc.constant('up' as const),
    os: unicode,
    bootId: unicode,
  }),
);
/** What a serial line can put between two lines: no line of its own begins with RS in it. */
const garbage = unicode.map((text) => text.replaceAll(RECORD_SEPARATOR, '?'));

test('a line is ASCII, led by RS, ended by a line feed, and holds neither inside', () => {
  fc.assert(
    fc.property(message, (value) => {
      const line = encodeLine(value);
      assert.match(line, /^\x1e[\x20-\x7e]+\n$/);
      assert.deepEqual(new LineDecoder().push(line), [JSON.parse(JSON.stringify(value))]);
    }),
  );
});

test('an error in the words of Torpor survives a line of bytes', () => {
  const error: AgentMessage = {
    id: 1,
    error: { code: 'E_OS_CRASHED', message: '“deb” has crashed – ü', facts: {}, hint: null },
  };
  const wire = Buffer.from(encodeLine(error), 'latin1').toString('latin1');
  assert.deepEqual(new LineDecoder().push(wire), [error]);
});

test('any chunks of valid lines with garbage between give exactly the valid lines', () => {
  const parts = fc.array(fc.record({ before: garbage, value: message }), { maxLength: 6 });
  fc.assert(
    fc.property(parts, garbage, fc.array(fc.nat()), (lines, end, places) => {
      const text = lines.map(({ before, value }) => before + encodeLine(value)).join('') + end;
      const decoder = new LineDecoder();
      const got = cut(text, places).flatMap((chunk) => decoder.push(chunk));
      assert.deepEqual(
        got,
        lines.map(({ value }) => JSON.parse(JSON.stringify(value))),
      );
    }),
  );
});

test('a line that lost bytes costs itself and at most the one that follows', () => {
  const lines = [1, 2, 3, 4].map((id) => encodeLine({ id, ack: true }));
  fc.assert(
    fc.property(fc.nat(lines[1]!.length - 1), fc.integer({ min: 1, max: 8 }), (from, count) => {
      const damaged = lines[1]!.slice(0, from) + lines[1]!.slice(from + count);
      const got = new LineDecoder().push(lines[0]! + damaged + lines[2]! + lines[3]!) as { id: number }[];
      const ids = got.map(({ id }) => id);
      assert.ok(ids.includes(1) && ids.includes(4) && ids.includes(3), ids.join());
    }),
  );
});

test('a line without an end does not grow for ever', () => {
  const decoder = new LineDecoder();
  for (let round = 0; round < 40; round += 1) assert.deepEqual(decoder.push('x'.repeat(10_000)), []);
  assert.deepEqual(decoder.push(`\n${encodeLine({ id: 5, ack: true })}`), [{ id: 5, ack: true }]);
  const longest = encodeLine({ id: 1, out: 'y'.repeat(MAX_LINE_BYTES - 100), stream: 1 });
  assert.equal(cut(longest, [50, 60_000]).flatMap((chunk) => decoder.push(chunk)).length, 1);
});

test('any JSON is a request, a message or refused', () => {
  const shaped = fc.record({
    id: fc.nat(),
    op: fc.constantFrom('ping', 'exec', 'switch', 'cancel', 'x'),
    argv: fc.array(fc.string()),
    of: fc.integer(),
  });
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), shaped), (json) => {
      const request = requestSchema.safeParse(json);
      if (request.success && request.data.op === 'exec') assert.ok(request.data.argv.length > 0);
      messageSchema.safeParse(json);
    }),
  );
});
