import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EventDraft } from '../../core/event.ts';
import type { JsonObject } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { bodyText, eventOf, eventText } from './event-text.ts';

const draft: EventDraft = {
  type: 'lock.created',
  actor: { kind: 'system', id: 'test' },
  outcome: 'success',
  body: {},
};

// Any 16-bit unit, so also halves of surrogate pairs.
const unit = fc.integer({ min: 0, max: 0xff_ff }).map((code) => String.fromCharCode(code));
const utf16 = fc.string({ unit, maxLength: 8 });

test('any body at all becomes canonical text of a bounded size, the same each time', () => {
  fc.assert(
    fc.property(
      fc.dictionary(utf16, fc.jsonValue({ maxDepth: 2 }), {
        maxKeys: 4,
      }),
      (body) => {
        const text = bodyText(body);
        assert.equal(bodyText(body), text);
        assert.ok(text.isWellFormed());
        assert.equal(bodyText(JSON.parse(text) as JsonObject), text);
      },
    ),
  );
});

test('a body of exactly the limit is whole, one byte more is cut, and says how much there was', () => {
  const filled = (length: number): JsonObject => ({ text: 'x'.repeat(length - '{"text":""}'.length) });
  const whole = bodyText(filled(limits.eventBodyMaxBytes));
  assert.equal(whole.length, limits.eventBodyMaxBytes);
  assert.equal(JSON.parse(whole).truncated, undefined);
  const cut = JSON.parse(bodyText(filled(limits.eventBodyMaxBytes + 1))) as Record<string, unknown>;
  assert.equal(cut['truncated'], true);
  assert.equal(cut['bytes'], limits.eventBodyMaxBytes + 1);
  assert.ok(String(cut['start']).startsWith('{"text":"xxx'));
});

test('a body that is cut fits, whatever its characters', () => {
  for (const character of ['"', '\\', '\u0000', 'é', '€', '😀', '\u2028', '\ud800']) {
    const text = bodyText({ text: character.repeat(limits.eventBodyMaxBytes) });
    assert.ok(Buffer.byteLength(text) <= limits.eventBodyMaxBytes, JSON.stringify(character));
    assert.ok(text.isWellFormed());
  }
});

test('a body nested without end is written as far as it goes', () => {
  let body: JsonObject = { bottom: true };
  for (let depth = 0; depth < 100_000; depth++) body = { body };
  assert.match(bodyText(body), /nested too deep/);
});

test('R7 control characters pass through as data, escaped', () => {
  const { body } = eventText({ ...draft, body: { reason: '\u001b[2J\n\0' } });
  assert.equal(body, '{"reason":"\\u001b[2J\\n\\u0000"}');
});

test('an erased body reads as an empty one', () => {
  const envelope = '{"bodyHash":"x","seq":1,"type":"lock.created","v":1}';
  assert.deepEqual(eventOf({ envelope }), { seq: 1, type: 'lock.created', body: {} });
});
