import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeReach, type Attempt } from './reach.ts';

function judge(attempts: readonly Attempt[], hasUnusedProxy = false) {
  return judgeReach({ place: 'gate.example.com:7443', port: 7443, attempts, hasUnusedProxy });
}

test('each way in which a connection fails has its words and its remedy', () => {
  for (const [fault, detail, next] of [
    ['ECONNREFUSED', '192.0.2.7:7443 refused the connection', /nothing listens: check the port/],
    [
      'silent',
      '192.0.2.7:7443 did not answer within 8 s',
      /a firewall drops it.*"gate\.example\.com:7443", TCP/,
    ],
    ['ENETUNREACH', '192.0.2.7:7443 is unreachable', /no route/],
    ['EHOSTUNREACH', '192.0.2.7:7443 is unreachable', /no route/],
    ['ECONNRESET', '192.0.2.7:7443 reset the connection', /firewall/],
    ['EPERM', '192.0.2.7:7443 failed (EPERM)', /firewall on this machine/],
  ] as const) {
    const verdict = judge([{ address: '192.0.2.7', fault }]);
    assert.deepEqual([verdict.ok, verdict.detail], [false, detail]);
    assert.match(verdict.next ?? '', next);
  }
});

test('one address that answers is enough, and the dead ones are worth a word', () => {
  const both = judge([
    { address: '192.0.2.7', ms: 12 },
    { address: '2001:db8::7', fault: 'ENETUNREACH' },
  ]);
  assert.equal(both.ok, true);
  assert.equal(both.detail, '192.0.2.7:7443 connected in 12 ms; [2001:db8::7]:7443 is unreachable');
  assert.match(both.next ?? '', /cost time at each dial/);
  assert.deepEqual(judge([{ address: '192.0.2.7', ms: 12 }]).next, undefined);
});

test('a proxy that is set for plain HTTP only is pointed out', () => {
  const verdict = judge([{ address: '192.0.2.7', fault: 'silent' }], true);
  assert.match(verdict.next ?? '', /HTTP_PROXY is set and HTTPS_PROXY is not/);
});
