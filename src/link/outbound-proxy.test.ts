import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { SallyportError } from '../core/errors.ts';
import { parseProxy } from './outbound-proxy.ts';

const target = { host: 'gate.example.com', port: 7443 };

test('a proxy is a host and a port, with or without its scheme', () => {
  for (const [text, name] of [
    ['http://proxy.example.com:3128', 'proxy.example.com:3128'],
    ['http://proxy.example.com:3128/', 'proxy.example.com:3128'],
    ['proxy.example.com:3128', 'proxy.example.com:3128'],
    ['HTTP://Proxy.Example.com', 'proxy.example.com:80'],
    ['http://192.0.2.7:8080', '192.0.2.7:8080'],
    ['http://[2001:db8::7]:8080', '[2001:db8::7]:8080'],
    ['ana:word@proxy:3128', 'proxy:3128'],
  ] as const) {
    assert.equal(parseProxy(text, 'x').name, name, text);
  }
});

test('the request names the target, and credentials only where there are some', () => {
  const bare = parseProxy('http://proxy:3128', 'x');
  assert.equal(bare.hasCredentials, false);
  assert.equal(
    bare.connectHead(target),
    'CONNECT gate.example.com:7443 HTTP/1.1\r\nHost: gate.example.com:7443\r\n\r\n',
  );
  const six = bare.connectHead({ host: '2001:db8::7', port: 7443 });
  assert.match(six, /^CONNECT \[2001:db8::7\]:7443 HTTP\/1\.1\r\n/);
  const known = parseProxy('http://ana:p%40ss%3Aw%C3%B6rd@proxy:3128', 'x');
  const sent = /Proxy-Authorization: Basic (\S+)\r\n\r\n$/.exec(known.connectHead(target))?.[1] ?? '';
  assert.equal(Buffer.from(sent, 'base64').toString(), 'ana:p@ss:wörd');
});

test('R8 whoever prints, inspects or serialises a proxy sees no credentials', () => {
  const proxy = parseProxy('http://ana:hunter2@proxy:3128', 'HTTPS_PROXY');
  const shown = [JSON.stringify(proxy), inspect(proxy, { showHidden: true, depth: 9 }), proxy.name];
  for (const text of shown) assert.doesNotMatch(text, /ana|hunter2|YW5h/);
});

test('what is no proxy is refused by where it stands, and never said back', () => {
  for (const [text, words] of [
    ['socks5://ana:hunter2@proxy:1080', /^ALL_PROXY names a proxy of the kind "socks5", and only http/],
    ['https://ana:hunter2@proxy:3128', /of the kind "https"/],
    ['http://ana:hunter2@', /is no address of a proxy/],
    ['http://ana:hunter2@proxy:99999', /is no address of a proxy/],
    ['http://ana:hunter2@proxy:0', /is no address of a proxy/],
    ['http://ana:hunter2@proxy:3128/path', /more than a host and a port/],
    ['http://ana:hunter2@proxy:3128?x=1', /more than a host and a port/],
    ['http://ana:hunter2#@proxy:3128', /is no address|more than a host/],
    ['http://an%3Aa:hunter2@proxy:3128', /credentials that cannot be sent/],
    ['http://ana:hunter2%0d%0aX:1@proxy:3128', /credentials that cannot be sent/],
    ['http://ana:hunter2%ff@proxy:3128', /credentials that cannot be sent/],
    [`http://ana:hunter2${'x'.repeat(4_000)}@proxy:3128`, /is no address of a proxy/],
  ] as const) {
    assert.throws(
      () => parseProxy(text, 'ALL_PROXY'),
      (error: unknown) => {
        assert.ok(error instanceof SallyportError);
        assert.equal(error.code, 'invalid');
        assert.match(error.message, words);
        assert.doesNotMatch(`${error.message} ${error.next} ${inspect(error.cause)}`, /hunter2|ana:/);
        return true;
      },
      text,
    );
  }
});
