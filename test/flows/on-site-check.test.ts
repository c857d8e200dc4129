// Which sealed requests a device refuses by what it has pinned (negative test I18).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalJson, type JsonObject } from '../../src/core/json.ts';
import { limits } from '../../src/core/limits.ts';
import { checkOnSite, type CheckFacts } from '../../src/agent/break-glass/check-request.ts';
import { offlineKey, onSiteText } from '../doubles/offline-key.ts';

const now = 1_800_000_000_000;

const [one, two, strange] = [offlineKey(), offlineKey(), offlineKey()];
const keys = { need: 2, keys: [one, two].map(({ key }, n) => ({ name: `key-${n}`, spki: key })) };
const facts: CheckFacts = {
  trustDomain: 'example.com',
  device: { id: 'dev_1', name: 'pump-7' },
  pinned: { keys, by: 'broker' },
  now,
};

function sealed(changes: JsonObject = {}): string {
  return onSiteText(now, changes);
}

function check(content: string, signers = [one, two], given: Partial<CheckFacts> = {}) {
  const signatures = signers.map(({ sign }) => sign(content));
  return checkOnSite({ content, signatures }, { ...facts, ...given });
}

function why(...args: Parameters<typeof check>): string {
  const answer = check(...args);
  return answer.ok ? 'open' : answer.why;
}

test('two of the pinned keys open it, by its name or its id, with the names of who signed', () => {
  const answer = check(sealed());
  assert.deepEqual(answer.ok && [answer.request.person, answer.signers], ['ana', ['key-0', 'key-1']]);
  assert.equal(why(sealed({ device: 'dev_1' })), 'open');
});

test('I18 one key, one twice, a strange one, a changed text, keys that are not pinned', () => {
  assert.match(why(sealed(), [one]), /^1 of the offline keys/);
  assert.match(why(sealed(), [one, one]), /^1 of the offline keys/);
  assert.match(why(sealed(), [one, strange]), /^1 of the offline keys/);
  const other = sealed({ forMs: 60_000 });
  const mixed = { content: sealed(), signatures: [one.sign(sealed()), two.sign(other)] };
  assert.equal(checkOnSite(mixed, facts).ok, false);
  assert.match(why(sealed(), [one, two], { pinned: undefined }), /no offline keys are pinned/);
  const none = { keys: { need: 0, keys: [] }, by: 'on_site' } as const;
  assert.match(why(sealed(), [], { pinned: none }), /no offline keys are pinned/);
});

test('I18 what is over, too long, of another device or broker, or of another form', () => {
  const refused: readonly (readonly [JsonObject, RegExp])[] = [
    [{ notAfter: now }, /expired/],
    [{ madeAt: now - limits.sealedRequestLifeMs, notAfter: now + 1 }, /too long/],
    [{ forMs: limits.breakGlassMaxMs + 1 }, /more than 30 minutes/],
    [{ device: 'pump-8' }, /for another device, and this is "pump-7"/],
    [{ trustDomain: 'example.org' }, /another broker/],
    [{ uses: 2 }, /no sealed request/],
    [{ user: 'a b' }, /no sealed request/],
    [{ forMs: 0 }, /no sealed request/],
    [{ person: '' }, /no sealed request/],
    [{ reason: 'x'.repeat(limits.reasonMaxLength + 1) }, /no sealed request/],
  ];
  for (const [changes, pattern] of refused)
    assert.match(why(sealed(changes)), pattern, canonicalJson(changes));
  assert.match(why(`${sealed()} `), /no sealed request/, 'not the one canonical form');
  const { device: _device, person: _person, user: _user, ...rest } = JSON.parse(sealed()) as JsonObject;
  const broker = canonicalJson({
    ...rest,
    target: 'pump-7',
    cnf: 'k',
    identity: { id: 'idn_1', name: 'ana' },
  });
  assert.match(why(broker), /for the broker, not for a device/);
});

test('a clock that stands behind takes it, since nobody knows better there', () => {
  assert.equal(why(sealed({ madeAt: now + 86_400_000, notAfter: now + 86_400_001 })), 'open');
});
