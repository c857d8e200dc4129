import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLocalOnly, readListen } from './listen.ts';

test('without an address a forward is for this machine only, and without a port at any free one', () => {
  assert.deepEqual(readListen(undefined), { host: '127.0.0.1', port: 0 });
  assert.deepEqual(readListen('15432'), { host: '127.0.0.1', port: 15_432 });
  assert.deepEqual(readListen('0'), { host: '127.0.0.1', port: 0 });
});

test('an address is taken when it is written out, and known for what it lets in', () => {
  const cases: readonly (readonly [string, boolean])[] = [
    ['127.0.0.1:80', true],
    ['127.9.9.9:80', true],
    ['localhost:80', true],
    ['[::1]:80', true],
    ['0.0.0.0:80', false],
    ['192.168.1.7:80', false],
    ['[::]:80', false],
    ['workstation:80', false],
  ];
  for (const [typed, isLocal] of cases) assert.equal(isLocalOnly(readListen(typed)), isLocal, typed);
});

test('what is no place is refused in words; ":80" is not a way to mean every address', () => {
  for (const typed of ['', ':80', '65536', '-1', 'a b:80', '127.0.0.1', '127.0.0.1:99999', '::1:80']) {
    assert.throws(() => readListen(typed), /is not a place to listen at/, typed);
  }
});
