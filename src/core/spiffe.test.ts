import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatSpiffe, isTrustDomain, parseSpiffe, peerKinds } from './spiffe.ts';

const good = 'spiffe://gate.example.com/prod/device/dev_0123456789abcdefghjkmnpqrs';

test('a name is read into its four parts', () => {
  assert.deepEqual(parseSpiffe(good), {
    trustDomain: 'gate.example.com',
    env: 'prod',
    kind: 'device',
    id: 'dev_0123456789abcdefghjkmnpqrs',
  });
});

test('every name that can be written is read back the same', () => {
  const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
  fc.assert(
    fc.property(
      fc.record({
        trustDomain: fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.')),
        env: label,
        kind: fc.constantFrom(...peerKinds),
        id: fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,40}$/),
      }),
      (name) => assert.deepEqual(parseSpiffe(formatSpiffe(name)), { ...name }),
    ),
  );
});

test('whatever is read writes back to the very same text', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.webUrl(),
        fc.string().map((tail) => good + tail),
      ),
      (text) => {
        const name = parseSpiffe(text);
        assert.ok(name === undefined || formatSpiffe(name) === text);
      },
    ),
  );
});

for (const bad of [
  '',
  'spiffe://',
  'SPIFFE://gate.example.com/prod/gate/g1',
  'http://gate.example.com/prod/gate/g1',
  'spiffe:/gate.example.com/prod/gate/g1',
  'spiffe:///prod/gate/g1',
  'spiffe://Gate.example.com/prod/gate/g1',
  'spiffe://gate.example.com:443/prod/gate/g1',
  'spiffe://ana@gate.example.com/prod/gate/g1',
  'spiffe://gate..example.com/prod/gate/g1',
  'spiffe://.gate.example.com/prod/gate/g1',
  'spiffe://gate.example.com./prod/gate/g1',
  'spiffe://gate_example/prod/gate/g1',
  'spiffe://gate.example.com/prod/gate',
  'spiffe://gate.example.com/prod/gate/',
  'spiffe://gate.example.com/prod/gate/g1/',
  'spiffe://gate.example.com/prod/gate/g1/x',
  'spiffe://gate.example.com/prod/gate/g1/x/y/z',
  'spiffe://gate.example.com//gate/g1',
  'spiffe://gate.example.com/prod/gate/../g1',
  'spiffe://gate.example.com/prod/gate/..',
  'spiffe://gate.example.com/prod/gate/g1?x=1',
  'spiffe://gate.example.com/prod/gate/g1#x',
  'spiffe://gate.example.com/prod/gate/g%31',
  'spiffe://gate.example.com/prod/gate/g1\n',
  'spiffe://gate.example.com/prod/gate/g1\0',
  ' spiffe://gate.example.com/prod/gate/g1',
  'spiffe://gate.example.com/prod/Gate/g1',
  'spiffe://gate.example.com/prod/gate/G1',
  'spiffe://gate.example.com/prod/king/g1',
  'spiffe://gate.example.com/prod/toString/g1',
  `spiffe://${'a'.repeat(256)}/prod/gate/g1`,
  `spiffe://gate.example.com/prod/gate/${'a'.repeat(64)}`,
]) {
  test(`${JSON.stringify(bad.slice(0, 60))} is no name`, () => assert.equal(parseSpiffe(bad), undefined));
}

test('a name that could not be read back is not written', () => {
  const name = { trustDomain: 'gate.example.com', env: 'prod', kind: 'gate', id: 'g1' } as const;
  for (const change of [{ trustDomain: 'a/b' }, { env: '' }, { id: 'a/b' }, { id: 'A' }]) {
    assert.throws(() => formatSpiffe({ ...name, ...change }), RangeError);
  }
});

test('a long hostile trust domain is refused quickly', () => {
  assert.equal(isTrustDomain(`${'a-'.repeat(120)}!`), false);
  assert.equal(isTrustDomain('a'.repeat(1_000_000)), false);
});
