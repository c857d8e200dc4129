import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from './address.ts';
import { chooseProxy, type Environment, type GivenProxy } from './choose-proxy.ts';

function choose(
  address: string,
  env: Environment,
  given?: GivenProxy,
): readonly [string | undefined, string] {
  const { proxy, from } = chooseProxy(parseAddress(address), { env, given });
  return [proxy?.name, from];
}

test('the environment is read as other programs read it', () => {
  const gate = 'gate.example.com';
  assert.deepEqual(choose(gate, {}), [undefined, 'no proxy is set']);
  assert.deepEqual(choose(gate, { HTTPS_PROXY: 'http://a:1' }), ['a:1', 'HTTPS_PROXY']);
  assert.deepEqual(choose(gate, { https_proxy: 'http://b:1', HTTPS_PROXY: 'http://a:1' }), [
    'b:1',
    'https_proxy',
  ]);
  assert.deepEqual(choose(gate, { ALL_PROXY: 'http://c:1', https_proxy: ' ' }), ['c:1', 'ALL_PROXY']);
  assert.deepEqual(choose(gate, { ALL_PROXY: 'http://c:1', HTTPS_PROXY: 'http://a:1' }), [
    'a:1',
    'HTTPS_PROXY',
  ]);
  // Plain http is another matter: nothing that goes to a broker is.
  assert.deepEqual(choose(gate, { HTTP_PROXY: 'http://d:1' }), [undefined, 'no proxy is set']);
});

test('NO_PROXY wins over the environment, and says which entry did', () => {
  const env = { HTTPS_PROXY: 'http://a:1', NO_PROXY: 'localhost,.example.com' };
  assert.deepEqual(choose('gate.example.com', env), [undefined, 'NO_PROXY (".example.com")']);
  assert.deepEqual(choose('gate.example.org', env), ['a:1', 'HTTPS_PROXY']);
  // What it names is never asked of a proxy that could not be used anyway.
  assert.deepEqual(choose('gate.example.com', { ...env, HTTPS_PROXY: 'socks5://a:1' })[0], undefined);
});

test('this machine itself is never asked of a proxy of the environment', () => {
  const env = { HTTPS_PROXY: 'http://a:1' };
  for (const here of ['localhost:7443', 'LOCALHOST', '127.0.0.1:7443', '127.9.9.9', '[::1]:7443']) {
    assert.equal(choose(here, env)[0], undefined, here);
  }
  assert.equal(choose('localhost.example.com', env)[0], 'a:1');
});

test('what was said on purpose wins over everything', () => {
  const env = { HTTPS_PROXY: 'http://a:1', NO_PROXY: '*' };
  assert.deepEqual(choose('127.0.0.1:1', env, { url: 'http://p:3128', from: '--proxy' }), [
    'p:3128',
    '--proxy',
  ]);
  assert.deepEqual(
    choose('gate.example.org', { HTTPS_PROXY: 'http://a:1' }, { url: undefined, from: '--no-proxy' }),
    [undefined, '--no-proxy'],
  );
});

test('a proxy that cannot be used is said, by the name of who set it', () => {
  assert.throws(() => choose('gate.example.com', { ALL_PROXY: 'socks5h://a:1' }), {
    code: 'invalid',
    message: /^ALL_PROXY names a proxy of the kind "socks5h"/,
  });
});
