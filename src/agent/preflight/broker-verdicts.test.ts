import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeClock, judgeVersion } from './broker-verdicts.ts';

const minuteMs = 60_000;

test('a clock that is off is fine where the certificates still look good: signed time corrects it', () => {
  assert.deepEqual(judgeClock({ skewMs: 0, dates: undefined }), {
    ok: true,
    detail: 'agrees with the broker',
  });
  const few = judgeClock({ skewMs: 5_000, dates: undefined });
  assert.deepEqual([few.ok, few.next], [true, undefined]);
  const ahead = judgeClock({ skewMs: 12 * minuteMs, dates: undefined });
  assert.equal(ahead.ok, true);
  assert.equal(ahead.detail, "12m ahead of the broker; the agent goes by the broker's signed time");
  const behind = judgeClock({ skewMs: -12 * minuteMs, dates: undefined });
  assert.equal(behind.ok, true);
  assert.match(behind.next ?? '', /for 12m after the broker renewed a certificate, no link comes up/);
});

test('a clock that is so far off that TLS fails is a failure, and says how far', () => {
  const ahead = judgeClock({ skewMs: 3 * 24 * 60 * minuteMs, dates: 'expired' });
  assert.equal(ahead.ok, false);
  assert.match(ahead.detail, /^3d ahead of the broker: from here its certificate looks expired, so neither/);
  const behind = judgeClock({ skewMs: -3 * 24 * 60 * minuteMs, dates: 'not_yet_valid' });
  assert.match(behind.detail, /^3d behind the broker: from here its certificate looks not valid yet/);
  assert.match(behind.next ?? '', /set the clock here/);
});

test('the same clock and a bad certificate is the broker’s to mend', () => {
  const verdict = judgeClock({ skewMs: 0, dates: 'expired' });
  assert.match(verdict.detail, /whose own certificate has expired/);
  assert.match(verdict.next ?? '', /restart the broker/);
  assert.equal(judgeClock({ skewMs: undefined, dates: undefined }).ok, false);
});

test('versions meet, or do not, or cannot be told', () => {
  const own = { status: 200, ownVersion: '0.2.0', ownWire: [1, 2] };
  const trust = (wireVersions: unknown) => JSON.stringify({ version: '0.1.0', wireVersions });
  const meets = judgeVersion({ ...own, text: trust([1]) });
  assert.deepEqual(meets, {
    ok: true,
    detail: 'the broker is 0.1.0 and speaks wire 1; here it is 0.2.0, wire 1, 2',
  });
  const apart = judgeVersion({ ...own, text: trust([3]) });
  assert.equal(apart.ok, false);
  assert.match(apart.next ?? '', /at most one apart/);
  for (const text of ['', '<html>', '{}', trust('1'), trust(['1'])])
    assert.match(judgeVersion({ ...own, text }).detail, /does not say which versions it speaks/, text);
});
