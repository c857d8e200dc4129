// The bounds on connections that have not shown who they are, from both sides.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Admission, addressGroup, plainAddress } from './admission.ts';

const bounds = { unauthenticatedConnectionsMax: 3, unauthenticatedConnectionsPerAddressMax: 2 };

void test('L2 one address gets no more than its places, and gets them back', () => {
  const admission = new Admission(bounds);
  const first = admission.admit('10.0.0.1', assert.fail);
  assert.ok(admission.admit('10.0.0.1', assert.fail));
  assert.equal(admission.admit('10.0.0.1', assert.fail), undefined);
  assert.ok(admission.admit('10.0.0.2', assert.fail), 'another address is not hurt');
  first?.release();
  first?.release();
  assert.equal(admission.count, 2);
  assert.ok(admission.admit('10.0.0.1', assert.fail));
});

void test('L2 when all places are taken, the oldest connection makes room', () => {
  const admission = new Admission(bounds);
  const away: string[] = [];
  for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5']) {
    assert.ok(admission.admit(address, () => away.push(address)));
  }
  assert.deepEqual(away, ['10.0.0.1', '10.0.0.2']);
  assert.equal(admission.count, 3);
});

void test('one IPv6 network is one address, and a mapped IPv4 address is itself', () => {
  assert.equal(addressGroup('2001:db8:1:2:3:4:5:6'), addressGroup('2001:db8:1:2::9'));
  assert.notEqual(addressGroup('2001:db8:1:2::9'), addressGroup('2001:db8:1:3::9'));
  assert.equal(addressGroup('::1'), '0:0:0:0::/64');
  assert.equal(addressGroup('fe80::1%eth0'), 'fe80:0:0:0::/64');
  assert.equal(addressGroup('10.0.0.1'), '10.0.0.1');
  assert.equal(plainAddress('::ffff:10.0.0.1'), '10.0.0.1');
  assert.equal(plainAddress('2001:db8::1'), '2001:db8::1');
});
