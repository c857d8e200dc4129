import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import { parseProxy } from './outbound-proxy.ts';
import { proxyRefusal, readProxyAnswer } from './proxy-answer.ts';

test('an answer is read whole, however it is cut', () => {
  const whole = 'HTTP/1.1 200 Connection established\r\nProxy-agent: x\r\n\r\n';
  for (let at = 0; at < whole.length; at += 1)
    assert.deepEqual(readProxyAnswer(whole.slice(0, at)), { state: 'more' }, whole.slice(0, at));
  assert.deepEqual(readProxyAnswer(whole), { state: 'answered', status: 200, schemes: [] });
  assert.deepEqual(readProxyAnswer('HTTP/1.0 200\r\n\r\n'), { state: 'answered', status: 200, schemes: [] });
  assert.deepEqual(
    readProxyAnswer(
      'HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\nproxy-authenticate:Basic realm="x"\r\n\r\nbody',
    ),
    { state: 'answered', status: 407, schemes: ['NTLM', 'Basic'] },
  );
});

test('what is no answer to CONNECT is odd', () => {
  for (const bytes of [
    'SSH-2.0-OpenSSH_9.2\r\n',
    '\x16\x03\x01',
    'HTTP/2 200\r\n\r\n',
    'HTTP/1.1 banana\r\n\r\n',
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 200 OK\r\n\r\nalready talking',
    `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(limits.proxyAnswerMaxBytes)}`,
  ]) {
    assert.deepEqual(readProxyAnswer(bytes), { state: 'odd' }, bytes.slice(0, 40));
  }
});

test('each no says whom to ask for what', () => {
  const bare = parseProxy('http://proxy:3128', 'x');
  const known = parseProxy('http://ana:hunter2@proxy:3128', 'x');
  for (const [status, schemes, proxy, message, next] of [
    [407, ['Basic'], bare, /wants credentials \(407\)/, /USER:PASSWORD/],
    [407, ['Basic'], known, /does not take these credentials \(407\)/, /check user and password/],
    [407, ['NTLM', 'Negotiate'], known, /wants "NTLM, Negotiate", and only Basic is spoken/, /exception/],
    [403, [], bare, /does not allow a connection to "gate:7443" \(403\)/, /allow CONNECT to "gate:7443"/],
    [405, [], bare, /does not allow/, /only port 443/],
    [502, [], bare, /could not reach "gate:7443" \(502\)/, /where the proxy stands/],
    [504, [], bare, /could not reach/, /check the address/],
    [302, [], bare, /answered 302 when it was asked for "gate:7443"/, /HTTP proxy that knows CONNECT/],
  ] as const) {
    const error = proxyRefusal({ status, schemes }, proxy, 'gate:7443');
    assert.equal(error.code, 'unavailable');
    assert.match(error.message, message);
    assert.match(error.next ?? '', next);
    assert.match(error.message, /^the proxy "proxy:3128" /);
    assert.doesNotMatch(`${error.message}${error.next}`, /hunter2/);
  }
});
