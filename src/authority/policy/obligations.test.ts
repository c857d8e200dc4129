import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { limits } from '../../core/limits.ts';
import { mergeObligations, readObligations, type PolicyObligations } from './obligations.ts';

function read(annotations: Record<string, string | null>): PolicyObligations {
  const result = readObligations({ effect: 'permit', annotations });
  assert.ok(result.ok, JSON.stringify(result));
  return result.obligations;
}

function refused(annotations: Record<string, string | null>, effect: 'permit' | 'forbid' = 'permit'): string {
  const result = readObligations({ effect, annotations });
  assert.ok(!result.ok, `${JSON.stringify(annotations)} was accepted`);
  return result.problems.map(({ message, help }) => `${message}; ${help ?? ''}`).join('\n');
}

test('the four enforced obligations are read, id and description are only words', () => {
  assert.deepEqual(
    read({
      id: 'a',
      description: 'b',
      maxSession: '8h',
      idle: '15m',
      user: 'svc',
      banner: 'logged\nall of it',
    }),
    { maxSessionMs: 8 * 3_600_000, idleMs: 15 * 60_000, user: 'svc', banner: 'logged\nall of it' },
  );
});

for (const name of ['record', 'rate', 'window', 'MaxSession', 'max_session', 'constructor', '__proto__']) {
  test(`@${name} is refused because this version cannot enforce it`, () => {
    const annotations = Object.fromEntries([[name, '1']]);
    const words = refused(annotations);
    assert.match(words, new RegExp(`cannot enforce "@${name}"`));
    assert.match(words, /it enforces @maxSession, @idle, @user, @banner/);
    refused(annotations, 'forbid');
  });
}

test('@mfa is "session" or an age, @approvedBy is "passkey", and nothing else', () => {
  assert.deepEqual(read({ mfa: 'session' }), { mfaMs: 0 });
  assert.deepEqual(read({ mfa: '15m', approvers: '2', approvedBy: 'passkey' }), {
    mfaMs: 900_000,
    approvers: 2,
    approvedBy: 'passkey',
  });
  assert.deepEqual(read({ mfa: '15m', mfaBy: 'totp' }), { mfaMs: 900_000, mfaBy: 'totp' });
  assert.match(refused({ mfaBy: 'totp' }), /goes with "@mfa"/);
  assert.match(refused({ mfa: 'session', mfaBy: 'sms' }), /nothing that stands beside a passkey/);
  for (const mfa of ['', '0', 'totp', '25h', '-5m', '5']) assert.match(refused({ mfa }), /neither "session"/);
  assert.match(refused({ approvedBy: 'key' }), /nothing that approves/);
});

test('where several permit, the youngest passkey and the strictest approval count', () => {
  const merged = mergeObligations(
    new Map([
      ['a', { mfaMs: 900_000 }],
      ['b', { mfaMs: 0, approvedBy: 'passkey' as const }],
      ['c', {}],
    ]),
  );
  assert.ok(merged.ok);
  assert.equal(merged.obligations.mfaMs, 0);
  assert.equal(merged.obligations.approvedBy, 'passkey');
});

test('a misspelt obligation is refused with the name that was meant', () => {
  assert.match(refused({ maxsession: '8h' }), /did you mean "@maxSession"\?/);
  assert.match(refused({ idel: '8m' }), /did you mean "@idle"\?/);
});

test('an obligation on a forbid is refused: it would never bite', () => {
  for (const name of ['maxSession', 'idle', 'user', 'banner']) {
    assert.match(refused({ [name]: '8h' }, 'forbid'), /obligations belong to a permit/);
  }
  assert.ok(readObligations({ effect: 'forbid', annotations: { id: 'a', description: 'b' } }).ok);
});

test('a duration that is none, bare, zero or beyond the longest session is refused', () => {
  for (const value of ['', '8', '8 h', '0m', '-1h', '8hours', '1.5h', null]) {
    assert.match(refused({ maxSession: value }), /is not a duration/);
    assert.match(refused({ idle: value }), /is not a duration/);
  }
  assert.deepEqual(read({ maxSession: '24h' }), { maxSessionMs: limits.sessionMaxMs });
  assert.match(refused({ maxSession: '25h' }), /longer than any session/);
  assert.match(refused({ idle: '2d' }), /longer than any session/);
});

test('a user that no device could have, or a flag in its place, is refused', () => {
  for (const value of ['', 'Root', '-x', 'a b', 'a;b', '$USER', 'x'.repeat(33), null]) {
    assert.match(refused({ user: value }), /is not a user name/);
  }
});

test('R7 a banner with control characters is refused, and shown to nobody', () => {
  for (const value of ['\u001b[2J', 'a\rb', 'a\u202eb', '', ' \n ', 'x'.repeat(1_001), null]) {
    assert.match(refused({ banner: value }), /without control characters/);
  }
});

test('a bare description is refused', () => {
  assert.match(refused({ description: null }), /needs a text/);
});

test('every fault of a policy is told at once', () => {
  assert.equal(refused({ record: 'all', idle: 'x', user: '' }).split('\n').length, 3);
});

test('where nothing is demanded the defaults hold', () => {
  assert.deepEqual(mergeObligations(new Map([['a', {}]])), {
    ok: true,
    obligations: { maxSessionMs: limits.sessionDefaultMs, idleMs: limits.idleDefaultMs },
  });
});

test('the strictest of each obligation wins, in whatever order the policies come', () => {
  const one = fc.record(
    { maxSessionMs: fc.integer({ min: 1, max: 1_000 }), idleMs: fc.integer({ min: 1, max: 1_000 }) },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.array(one, { minLength: 1 }), (demands) => {
      const entries = demands.map((demand, index) => [`p${index}`, demand as PolicyObligations] as const);
      const merged = mergeObligations(new Map(entries));
      assert.deepEqual(mergeObligations(new Map(entries.toReversed())), merged);
      assert.ok(merged.ok);
      const least = (values: readonly (number | undefined)[], otherwise: number): number =>
        values.reduce<number>((low, value) => Math.min(low, value ?? low), Infinity) === Infinity
          ? otherwise
          : Math.min(...values.filter((value) => value !== undefined));
      assert.equal(
        merged.obligations.maxSessionMs,
        least(
          demands.map((d) => d.maxSessionMs),
          limits.sessionDefaultMs,
        ),
      );
      assert.equal(
        merged.obligations.idleMs,
        least(
          demands.map((d) => d.idleMs),
          limits.idleDefaultMs,
        ),
      );
    }),
  );
});

test('one user demanded twice is that user; two different users are a conflict', () => {
  const same = mergeObligations(
    new Map([
      ['a', { user: 'svc' }],
      ['b', { user: 'svc' }],
      ['c', {}],
    ]),
  );
  assert.ok(same.ok && same.obligations.user === 'svc');
  const conflict = mergeObligations(
    new Map([
      ['a', { user: 'svc' }],
      ['b', { user: 'web' }],
    ]),
  );
  assert.ok(!conflict.ok && /svc, web/.test(conflict.message));
});

test('banners join in policy order, each text once', () => {
  const merged = mergeObligations(
    new Map([
      ['b', { banner: 'two' }],
      ['c', { banner: 'one' }],
      ['a', { banner: 'one' }],
    ]),
  );
  assert.ok(merged.ok);
  assert.equal(merged.obligations.banner, 'one\ntwo');
});

test('banners too long to be shown together are a conflict, not a cut banner', () => {
  const demands = Array.from(
    { length: 5 },
    (_, index) => [`p${index}`, { banner: String(index).repeat(1_000) }] as const,
  );
  assert.ok(mergeObligations(new Map(demands.slice(0, 3))).ok);
  assert.ok(!mergeObligations(new Map(demands)).ok);
});
