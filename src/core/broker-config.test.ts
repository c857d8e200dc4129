import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatHostPort, parseBrokerConfig, parseHostPort } from './broker-config.ts';

function faultOf(value: unknown): string {
  const parsed = parseBrokerConfig(value);
  return typeof parsed === 'string' ? parsed : '';
}

test('a name alone is a whole configuration', () => {
  assert.deepEqual(parseBrokerConfig({ name: 'gate.example.com' }), {
    name: 'gate.example.com',
    listen: { host: '0.0.0.0', port: 7443 },
    address: 'gate.example.com:7443',
    also: [],
    trustDomain: 'gate.example.com',
    env: 'prod',
    console: { host: 'gate.example.com', port: 7443 },
    fourEyes: true,
    signInMs: 16 * 3_600_000,
    drainMs: 10_000,
  });
});

test('L20 a misspelt key is refused by name', () => {
  assert.match(faultOf({ name: 'a', lisen: '0.0.0.0:1' }), /unknown key "lisen"/);
});

test('each value of a wrong form is refused by its key', () => {
  for (const [key, value] of [
    ['name', 'UPPER'],
    ['listen', 'nowhere'],
    ['address', 'host:99999'],
    ['also', 'new.example.com'],
    ['also', 'a:1,b:2,c:3,d:4,e:5,f:6,g:7,h:8,i:9'],
    ['env', 'a b'],
    ['drain', 'soon'],
    ['signInFor', '10m'],
    ['signInFor', '31d'],
    ['fourEyes', 'no'],
    ['trustDomain', 'a:b'],
    ['console', '192.0.2.1'],
    ['console', 'Gate.example.com'],
    ['consoleKey', '/etc/key.pem'],
  ] as const) {
    assert.match(faultOf({ name: 'gate', [key]: value }), new RegExp(`"${key}"`));
  }
});

test('a broker named by its address gets a trust domain that is a name', () => {
  const config = parseBrokerConfig({ name: '10.0.0.1' });
  assert.equal(typeof config === 'string' ? config : config.trustDomain, 'sallyport.internal');
});

test('the console is where the broker is, unless that is an address, it is off, or said otherwise', () => {
  const consoleOf = (text: Record<string, string>) => {
    const config = parseBrokerConfig({ name: 'gate.example.com', ...text });
    return typeof config === 'string' ? config : config.console;
  };
  assert.equal(consoleOf({ name: '10.0.0.1' }), undefined);
  assert.equal(consoleOf({ name: '::1' }), undefined);
  assert.equal(consoleOf({ console: 'off' }), undefined);
  assert.deepEqual(consoleOf({ console: 'access.example.com:443' }), {
    host: 'access.example.com',
    port: 443,
  });
  assert.deepEqual(consoleOf({ console: 'access.example.com' }), { host: 'access.example.com', port: 7443 });
  const files = { consoleCertificate: '/etc/chain.pem', consoleKey: '/etc/key.pem' };
  assert.deepEqual(consoleOf(files), {
    host: 'gate.example.com',
    port: 7443,
    files: { certificate: '/etc/chain.pem', key: '/etc/key.pem' },
  });
  assert.match(faultOf({ name: 'a', ...files, console: 'off' }), /needs a console/);
  const acme = { acme: 'letsencrypt', acmeTerms: 'agreed' };
  assert.deepEqual(consoleOf({ ...acme, acmeContact: 'ops@example.com', acmeHook: '/hook' }), {
    host: 'gate.example.com',
    port: 7443,
    acme: {
      directory: 'https://acme-v02.api.letsencrypt.org/directory',
      contact: 'ops@example.com',
      hook: '/hook',
    },
  });
  const wrong: readonly [Readonly<Record<string, string>>, RegExp][] = [
    [{ ...acme, console: 'off' }, /"acme" needs a console/],
    [{ ...acme, ...files }, /do not go together/],
    [{ acme: 'letsencrypt' }, /"acmeTerms" must be "agreed"/],
    [{ ...acme, acme: 'http://ca.example.com' }, /https URL of a directory/],
    [{ ...acme, acmeContact: 'ops' }, /must be a mail address/],
    [{ acmeHook: '/hook' }, /"acmeHook" goes with "acme"/],
  ];
  for (const [fields, words] of wrong) assert.match(faultOf({ name: 'gate.example.com', ...fields }), words);
});

test('host and port are read in every form and written back', () => {
  assert.deepEqual(parseHostPort('[::1]:7443'), { host: '::1', port: 7443 });
  assert.deepEqual(parseHostPort(':7443'), { host: '0.0.0.0', port: 7443 });
  assert.equal(formatHostPort({ host: '::1', port: 1 }), '[::1]:1');
  assert.equal(parseHostPort('::1:7443'), undefined);
  assert.equal(parseHostPort('host:70000'), undefined);
});
