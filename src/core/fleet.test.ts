import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptedBy, isNetwork, isPattern, nameAt } from './fleet.ts';

test('a pattern has one place for a number, and is a name whatever the number is', () => {
  for (const good of ['pump-{n}', '{n}', 'lyon-{n:03}-a']) assert.ok(isPattern(good), good);
  for (const bad of [
    'pump',
    'pump-{n}-{n}',
    'Pump-{n}',
    'pump-{x}',
    `${'p'.repeat(60)}-{n}`,
    'pump-{n:0}',
    '-{n}',
  ]) {
    assert.ok(!isPattern(bad), bad);
  }
  assert.deepEqual(
    [nameAt('pump-{n}', 7), nameAt('pump-{n:03}', 7), nameAt('pump-{n:03}', 1234)],
    ['pump-7', 'pump-007', 'pump-1234'],
  );
});

test('a network is an address with or without a prefix, and nothing else', () => {
  for (const good of ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1']) assert.ok(isNetwork(good), good);
  for (const bad of ['10.0.0.0/33', '10.0.0/8', 'example.com', '', '::/129', '10.0.0.0/8 ', '010.0.0.1']) {
    assert.ok(!isNetwork(bad), bad);
  }
});

test('a rule lets in who comes from its networks, and says by which', () => {
  assert.equal(acceptedBy(undefined, '10.1.2.3'), undefined);
  assert.equal(acceptedBy('all', '10.1.2.3'), 'all');
  const rule = ['192.0.2.0/24', '10.0.0.0/8', '2001:db8::/32'];
  assert.equal(acceptedBy(rule, '10.1.2.3'), '10.0.0.0/8');
  assert.equal(acceptedBy(rule, '110.0.0.10'), undefined);
  assert.equal(acceptedBy(rule, '2001:db8:1::1'), '2001:db8::/32');
  assert.equal(acceptedBy(rule, 'nonsense'), undefined);
});
