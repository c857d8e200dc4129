import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from './address.ts';
import { exemptBy } from './no-proxy.ts';

function isExempt(address: string, list: string): boolean {
  return exemptBy(parseAddress(address), list) !== undefined;
}

test('a name stands for itself and all below it, with or without a dot in front', () => {
  for (const entry of ['example.com', '.example.com', '*.example.com', 'EXAMPLE.com', 'example.com.']) {
    assert.ok(isExempt('gate.example.com', entry), entry);
    assert.ok(isExempt('example.com', entry), entry);
    assert.ok(isExempt('Gate.Example.COM.', entry), entry);
    assert.ok(!isExempt('gate.badexample.com', entry), entry);
    assert.ok(!isExempt('example.com.evil.org', entry), entry);
  }
  assert.ok(isExempt('gate.example.com', 'gate.example.com'));
  assert.ok(!isExempt('gate2.example.com', 'gate.example.com'));
});

test('addresses are compared as addresses, and never by their ends', () => {
  assert.ok(isExempt('192.0.2.7', '192.0.2.7'));
  assert.ok(!isExempt('192.0.2.70', '192.0.2.7'));
  assert.ok(!isExempt('1192.0.2.7.example', '192.0.2.7'));
  assert.ok(isExempt('[2001:db8::7]:7443', '2001:DB8:0::7'));
  assert.ok(isExempt('[2001:db8::7]:7443', '[2001:db8::7]'));
  assert.ok(!isExempt('10.0.0.7', '0.0.7'));
});

test('networks', () => {
  assert.ok(isExempt('10.20.30.40', '10.0.0.0/8'));
  assert.ok(!isExempt('11.0.0.1', '10.0.0.0/8'));
  assert.ok(isExempt('192.168.7.129', '192.168.7.128/25'));
  assert.ok(!isExempt('192.168.7.127', '192.168.7.128/25'));
  assert.ok(isExempt('203.0.113.9', '0.0.0.0/0'));
  assert.ok(isExempt('[fd00::1]:1', 'fd00::/8'));
  assert.ok(!isExempt('[fe00::1]:1', 'fd00::/8'));
  assert.ok(!isExempt('10.0.0.1', '10.0.0.0/33'));
  assert.ok(!isExempt('10.0.0.1', '10.0.0.0/'));
  assert.ok(!isExempt('gate.example.com', '10.0.0.0/8'));
});

test('a port narrows an entry to that port', () => {
  assert.ok(isExempt('gate.example.com:7443', 'gate.example.com:7443'));
  assert.ok(!isExempt('gate.example.com:443', 'gate.example.com:7443'));
  assert.ok(isExempt('gate.example.com:7443', '.example.com:7443'));
  assert.ok(isExempt('10.0.0.1:7443', '10.0.0.0/8:7443'));
  assert.ok(!isExempt('10.0.0.1:7444', '10.0.0.0/8:7443'));
  assert.ok(isExempt('[fd00::7]:7443', '[fd00::7]:7443'));
  assert.ok(!isExempt('[fd00::7]:7444', '[fd00::7]:7443'));
});

test('a list of many, a star, and nothing at all', () => {
  const list = 'localhost, 127.0.0.1\t.corp.example ,10.0.0.0/8';
  assert.equal(exemptBy(parseAddress('db.corp.example'), list), '.corp.example');
  assert.equal(exemptBy(parseAddress('10.1.1.1'), list), '10.0.0.0/8');
  assert.equal(exemptBy(parseAddress('gate.example.com'), list), undefined);
  assert.ok(isExempt('gate.example.com', '*'));
  for (const list of ['', ' , ,', '.', '*.', ':7443', '/8']) {
    assert.ok(!isExempt('gate.example.com', list), list);
    assert.ok(!isExempt('192.0.2.7', list), list);
  }
});
