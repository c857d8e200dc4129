import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOwnerRules } from './rules.ts';

function words(value: unknown): string {
  const rules = parseOwnerRules(value);
  if (typeof rules === 'string') return rules;
  throw new Error(`these rules should be refused: ${JSON.stringify(value)}`);
}

test('what is not said narrows nothing', () => {
  assert.deepEqual(parseOwnerRules({}), {
    closedPlanes: new Set(),
    isConsentRequired: false,
    approvals: 'off',
  });
});

test('every key is read', () => {
  const rules = parseOwnerRules({
    kinds: ['shell', 'files'],
    users: ['svc'],
    paths: { read: ['/opt/fw/', '~/logs'], write: ['/opt//fw'] },
    targets: ['127.0.0.1:5432', '[::1]:*', 'DB.local:80'],
    maxSession: '2h',
    planes: { maintenance: 'off', application: 'on' },
    consent: 'required',
    approvals: 'verify+cli',
  });
  assert.deepEqual(rules, {
    kinds: new Set(['shell', 'files']),
    users: new Set(['svc']),
    paths: { read: ['/opt/fw', '~/logs'], write: ['/opt/fw'] },
    targets: [
      { host: '127.0.0.1', port: 5432 },
      { host: '::1', port: '*' },
      { host: 'db.local', port: 80 },
    ],
    maxSessionMs: 7_200_000,
    closedPlanes: new Set(['maintenance']),
    isConsentRequired: true,
    approvals: 'verify+cli',
  });
});

test('L20 a misspelt key is refused, and the words name it and the keys there are', () => {
  assert.match(words({ kind: ['shell'] }), /unknown key "kind"; the keys are kinds, users, paths/);
  assert.match(words({ paths: { reed: [] } }), /unknown key "reed" in "paths"; the keys are read, write/);
  assert.match(words({ planes: { maintainance: 'off' } }), /unknown key "maintainance" in "planes"/);
  assert.match(words({ 'k\u001b[31m': 1 }), /unknown key "k\\u\{1b\}\[31m"/);
});

test('L20 an empty file is no set of rules, and neither is anything but keys and values', () => {
  for (const value of [null, undefined, [], 'shell', 1, [{ kinds: ['shell'] }]]) {
    assert.match(words(value), /the file must hold "key: value" lines/);
  }
});

const wrong: readonly (readonly [string, unknown])[] = [
  ['kinds', null],
  ['kinds', 'shell'],
  ['kinds', ['shel']],
  ['kinds', ['http']],
  ['kinds', [['shell']]],
  ['kinds', Array.from({ length: 257 }, () => 'shell')],
  ['users', ['Root']],
  ['users', ['']],
  ['users', null],
  ['paths', null],
  ['paths', ['/opt']],
  ['paths', { read: '/opt' }],
  ['paths', { read: ['opt'] }],
  ['paths', { write: ['/opt/../etc'] }],
  ['paths', { read: null }],
  ['paths', { read: ['~root/x'] }],
  ['targets', ['127.0.0.1']],
  ['targets', [5432]],
  ['targets', null],
  ['maxSession', 7200],
  ['maxSession', '2 hours'],
  ['maxSession', '0h'],
  ['planes', 'off'],
  ['planes', { maintenance: 'no' }],
  ['planes', { maintenance: null }],
  ['consent', true],
  ['consent', null],
  ['consent', 'Required'],
  ['approvals', true],
  ['approvals', null],
  ['approvals', 'Verify'],
];

test('L20 a value of the wrong kind is refused, and the words name its key', () => {
  for (const [key, value] of wrong) assert.match(words({ [key]: value }), /^"|^unknown key/);
  for (const [key, value] of wrong.filter(([, value]) => value !== null)) {
    assert.ok(words({ [key]: value }).includes(`"${key}"`) || key === 'planes', key);
  }
});

test('an empty list allows nothing, which is not the same as no list', () => {
  const rules = parseOwnerRules({ kinds: [], paths: {} });
  assert.ok(typeof rules !== 'string');
  assert.deepEqual(rules.kinds, new Set());
  assert.deepEqual(rules.paths, { read: [], write: [] });
});

test('a plane is off by the word or by what YAML 1.1 makes of it', () => {
  for (const off of ['off', false]) {
    const rules = parseOwnerRules({ planes: { application: off } });
    assert.ok(typeof rules !== 'string');
    assert.deepEqual(rules.closedPlanes, new Set(['application']));
  }
});
