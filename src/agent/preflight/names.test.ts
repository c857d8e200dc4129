import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeNames, type NameFacts } from './names.ts';

function judge(resolved: NameFacts['resolved'], host = 'gate.example.com') {
  return judgeNames({ host, resolved, servers: ['192.168.7.1'], ownName: 'pump-7' });
}

test('a name that resolves says to what, an address needs no resolver', () => {
  const { ok, detail, next } = judge({ addresses: ['192.0.2.7', '2001:db8::7'] });
  assert.deepEqual([ok, next], [true, undefined]);
  assert.match(detail, /^"gate\.example\.com" resolves to 192\.0\.2\.7, 2001:db8::7$/);
  assert.match(judge({ fault: 'silent' }, '192.0.2.7').detail, /is an address: nothing to resolve/);
});

test('no such name, no answer and silence are told apart, with whom was asked', () => {
  for (const [fault, detail, next] of [
    ['ENOTFOUND', /^there is no name "gate\.example\.com" \(asked 192\.168\.7\.1\)/, /spelling/],
    ['EAI_AGAIN', /no resolver answered \(asked/, /resolv\.conf/],
    ['silent', /was not resolved within 8s \(asked/, /port 53/],
    ['EFOO', /could not be resolved \(EFOO, asked/, /resolv\.conf/],
  ] as const) {
    const verdict = judge({ fault });
    assert.equal(verdict.ok, false, fault);
    assert.match(verdict.detail, detail);
    assert.match(verdict.next ?? '', next);
  }
  assert.match(judge({ addresses: [] }).detail, /has no address/);
});

test('a resolver that lies is named as one', () => {
  for (const [address, words] of [
    ['0.0.0.0', /resolves to 192\.0\.2\.7, 0\.0\.0\.0: an address of nobody/],
    ['::', /an address of nobody/],
    ['169.254.1.1', /a link-local address/],
    ['255.255.255.255', /the broadcast address/],
  ] as const) {
    const verdict = judge({ addresses: ['192.0.2.7', address] });
    assert.equal(verdict.ok, false, address);
    assert.match(verdict.detail, words);
    assert.match(verdict.next ?? '', /blocks the name, or answers falsely/);
  }
});

test('a name that leads to this machine is worth a word, unless it is this machine’s own', () => {
  assert.match(judge({ addresses: ['127.0.0.1'] }).next ?? '', /if the broker is not here/);
  assert.match(judge({ addresses: ['::1'] }).detail, /which is this machine itself/);
  assert.equal(judge({ addresses: ['127.0.1.1'] }, 'pump-7').next, undefined);
  assert.equal(judge({ addresses: ['::1', '127.0.0.1'] }, 'localhost').next, undefined);
});

test('R7 what a resolver answers does not reach the terminal as it is', () => {
  assert.doesNotMatch(judge({ addresses: ['\u001b[2J'] }).detail, /\u001b/);
});
