// The routing table of docs/protocol.md, line by line.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routeOf, type Route } from './route.ts';

const hosts = ['broker.example', '127.0.0.1'];

void test('the first name of the table that was offered wins, wherever it stands in the list', () => {
  const cases: readonly [readonly string[], Route | undefined][] = [
    [['sallyport-link'], 'link'],
    [['h2', 'sallyport-channel', 'sallyport-link'], 'link'],
    [['sallyport-api', 'sallyport-channel'], 'channel'],
    [['http/1.1', 'sallyport-api'], 'apiMtls'],
    [['h2', 'sallyport-public'], 'api'],
    [['h2', 'http/1.1'], 'web'],
    [['http/1.1'], 'web'],
    [[], 'web'],
    [['ssh'], undefined],
    [['SALLYPORT-LINK'], undefined],
    [['sallyport-link2', 'acme-tls/1'], undefined],
    [['acme-tls/1'], 'acme'],
  ];
  for (const [alpn, route] of cases) assert.equal(routeOf({ alpn }, hosts), route, alpn.join());
});

void test('a foreign server name is not passed on, and no name is', () => {
  assert.equal(routeOf({ alpn: ['h2'], sni: 'broker.example' }, hosts), 'web');
  assert.equal(routeOf({ alpn: ['h2'], sni: 'other.example' }, hosts), undefined);
  assert.equal(routeOf({ alpn: ['h2'] }, hosts), 'web');
  assert.equal(routeOf({ alpn: ['h2'], sni: 'other.example' }, []), 'web');
});

void test('our own programs go by ALPN alone: devices know the broker by many names', () => {
  assert.equal(routeOf({ alpn: ['sallyport-link'], sni: 'other.example' }, hosts), 'link');
  assert.equal(routeOf({ alpn: ['sallyport-api'], sni: 'other.example' }, hosts), 'apiMtls');
  assert.equal(routeOf({ alpn: ['sallyport-public'], sni: 'other.example' }, hosts), 'api');
});
