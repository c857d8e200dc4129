import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isListed, parseAllowedTarget, type AllowedTarget } from './allowed-target.ts';

function list(...texts: readonly string[]): readonly AllowedTarget[] {
  return texts.map((text) => {
    const target = parseAllowedTarget(text);
    assert.ok(target !== undefined, text);
    return target;
  });
}

test('L9 an address in the list is that address and no other that looks like it', () => {
  const allowed = list('10.0.0.1:80');
  assert.ok(isListed(allowed, '10.0.0.1', 80));
  for (const host of [
    '110.0.0.1',
    '10.0.0.10',
    '10.0.0.1.evil',
    '010.0.0.1',
    '10.1',
    '0xa.0.0.1',
    '167772161',
  ])
    assert.equal(isListed(allowed, host, 80), false, host);
  for (const port of [8, 800, 81]) assert.equal(isListed(allowed, '10.0.0.1', port), false);
});

test('L10 an address in another spelling is still that address', () => {
  assert.ok(isListed(list('127.0.0.1:80'), '::ffff:127.0.0.1', 80));
  assert.ok(isListed(list('127.0.0.1:80'), '::ffff:7f00:1', 80));
  assert.ok(isListed(list('[0:0::1]:80'), '::1', 80));
  assert.equal(isListed(list('[::1]:80'), '127.0.0.1', 80), false);
});

test('a name is compared as a name, whatever it resolves to', () => {
  assert.ok(isListed(list('db.local:80'), 'db.local', 80));
  assert.ok(isListed(list('DB.local:80'), 'db.local', 80));
  assert.equal(isListed(list('127.0.0.1:80'), 'localhost', 80), false);
  assert.equal(isListed(list('localhost:80'), '127.0.0.1', 80), false);
  assert.equal(isListed(list('local:80'), 'db.local', 80), false);
});

test('"*" is any port of that host', () => {
  for (const port of [1, 22, 65_535]) assert.ok(isListed(list('10.0.0.5:*'), '10.0.0.5', port));
  assert.equal(isListed(list('10.0.0.5:*'), '10.0.0.6', 22), false);
});

test('what is no host and port is refused', () => {
  for (const text of [
    '',
    ':80',
    '10.0.0.5',
    '10.0.0.5:',
    '10.0.0.5:0',
    '10.0.0.5:65536',
    '10.0.0.5:080',
    '10.0.0.5:*0',
    '*:80',
    '10.0.0.*:80',
    '127.1:80',
    '010.0.0.1:80',
    '0x7f.0.0.1:80',
    '2130706433:80',
    '::1:80',
    '[127.0.0.1:80',
    '[db.local]:80',
    'a b:80',
    'a..b:80',
  ])
    assert.equal(parseAllowedTarget(text), undefined, text);
});
