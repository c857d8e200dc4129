// The small pure values of core: ids, names, durations, printable text, canonical JSON, locks, codes.

import { defaultTenant } from './tenant.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isName, parseLabel } from './device.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { errorCodes, fromProblem, SallyportError, toProblem } from './errors.ts';
import { newId, parseId, type DeviceId, type IdentityId } from './ids.ts';
import { canonicalJson, parseJsonObject, type Json } from './json.ts';
import { lockMatches, type Lock } from './lock.ts';
import { isPrintable, printable } from './printable.ts';
import { formatTarget, parseTarget } from './target.ts';

test('an id reads back with its own prefix only', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const id = newId('ses', bytes);
      assert.equal(parseId('ses', id), id);
      assert.equal(parseId('dev', id), undefined);
    }),
  );
  assert.notEqual(newId('dev', new Uint8Array(16)), newId('dev', new Uint8Array(16).fill(1)));
  assert.throws(() => newId('dev', new Uint8Array(15)), RangeError);
  assert.equal(parseId('ses', 'ses_../../etc/passwd/aaaaaaaaaaaa'), undefined);
});

test('names are DNS labels, and a target is one or two of them', () => {
  for (const name of ['pump-7', 'a', '7']) assert.ok(isName(name), name);
  for (const name of ['', '-a', 'a-', 'A', 'a.b', 'a/b', 'a b', 'é', 'a'.repeat(64)])
    assert.ok(!isName(name), name);
  assert.deepEqual(parseTarget('pump-7/db'), { device: 'pump-7', service: 'db' });
  assert.equal(formatTarget({ device: 'pump-7', service: 'db' }), 'pump-7/db');
  for (const text of ['', '/', 'a/', '/a', 'a/b/c', 'a//b', '../a'])
    assert.equal(parseTarget(text), undefined, text);
});

test('a label is key=value; the value may hold "="-free text only', () => {
  assert.deepEqual(parseLabel('site=lyon'), ['site', 'lyon']);
  for (const text of ['site', '=lyon', 'Site=lyon', 'site=', 'site=a b', 'site=a\n'])
    assert.equal(parseLabel(text), undefined, text);
});

test('durations are read as typed and written with two units at most', () => {
  assert.equal(parseDuration('90s'), 90_000);
  assert.equal(parseDuration('7d'), 604_800_000);
  for (const text of ['', '0s', '-1s', '1', 's', '1.5h', '1h30m', ' 1s'])
    assert.equal(parseDuration(text), undefined, text);
  assert.equal(formatDuration(340), '340 ms');
  assert.equal(formatDuration(28_799_000), '7h 59m');
  assert.equal(formatDuration(60_000), '1m');
  assert.equal(formatDuration(90_061_000), '1d 1h');
});

test('R7 nothing that a terminal would act on survives printable', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      assert.ok(isPrintable(printable(text)));
    }),
  );
  assert.equal(printable('\u001b[31mred\u0007'), String.raw`\u{1b}[31mred\u{7}`);
  assert.equal(printable('a\u202eb\u2028c\u200d'), String.raw`a\u{202e}b\u{2028}c\u{200d}`);
  assert.equal(printable('Zoë 測試'), 'Zoë 測試');
  assert.equal(printable('abcdef', 4), 'abc…');
});

test('canonical JSON is RFC 8785: sorted keys, its number and string forms, nothing undefined', () => {
  assert.equal(
    canonicalJson({ b: 1, a: [true, null, 'é"\n'], c: undefined }),
    '{"a":[true,null,"é\\"\\n"],"b":1}',
  );
  assert.equal(canonicalJson([1e21, 0.1, -0, 100]), '[1e+21,0.1,0,100]');
  // RFC 8785 section 3.2.3: keys are sorted by UTF-16 code units.
  assert.equal(
    canonicalJson({ '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5 }),
    '{"\\r":2,"1":4,"\u20ac":1,"\ud83d\ude00":5,"\ufb33":3}',
  );
  assert.throws(() => canonicalJson(Number.NaN), TypeError);
  assert.throws(() => canonicalJson('\ud800'), TypeError);
});

test('canonical JSON parses back to the same value', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      assert.deepEqual(JSON.parse(canonicalJson(value as Json)), JSON.parse(JSON.stringify(value)));
    }),
  );
  assert.equal(parseJsonObject('[]'), undefined);
  assert.equal(parseJsonObject('{'), undefined);
});

test('a lock matches what it names, the agents of the person it names, and nothing once it has expired', () => {
  const ana = 'idn_a' as IdentityId;
  const pump = 'dev_a' as DeviceId;
  const lock = (selector: Lock['selector'], expiresAt?: number): Lock => ({
    id: newId('lck', new Uint8Array(16)),
    tenant: defaultTenant,
    selector,
    reason: 'stolen',
    createdBy: 'system',
    createdAt: 0,
    ...(expiresAt === undefined ? {} : { expiresAt }),
  });
  assert.ok(lockMatches(lock({ kind: 'identity', id: ana }), { tenant: defaultTenant, identity: ana }, 1));
  assert.ok(
    lockMatches(
      lock({ kind: 'identity', id: ana }),
      { tenant: defaultTenant, identity: 'idn_bot' as IdentityId, owner: ana },
      1,
    ),
  );
  assert.ok(!lockMatches(lock({ kind: 'identity', id: ana }), { tenant: defaultTenant, device: pump }, 1));
  assert.ok(lockMatches(lock({ kind: 'device', id: pump }, 2), { tenant: defaultTenant, device: pump }, 1));
  assert.ok(!lockMatches(lock({ kind: 'device', id: pump }, 2), { tenant: defaultTenant, device: pump }, 2));
});

test('an error crosses the wire as a problem and comes back whole; a stranger becomes wordless', () => {
  const error = new SallyportError('denied', 'policy does not let you', {
    next: 'ask',
    help: ['an approval'],
  });
  const back = fromProblem(JSON.parse(JSON.stringify(toProblem(error))));
  assert.deepEqual(
    [back?.code, back?.message, back?.next, back?.help],
    ['denied', error.message, 'ask', ['an approval']],
  );
  assert.deepEqual(toProblem(new Error('password=hunter2')).title.includes('hunter2'), false);
  assert.equal(fromProblem({ code: 'made_up', title: 'x' }), undefined);
});

test('every code has an HTTP status and an exit status', () => {
  for (const [code, { status, exit }] of Object.entries(errorCodes)) {
    assert.ok(status >= 400 && status < 600, code);
    assert.ok(exit > 0 && exit < 256, code);
  }
});
