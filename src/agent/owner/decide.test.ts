import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { servedKinds, type ChannelParams } from '../../core/channel.ts';
import { normalPath } from '../../core/remote-path.ts';
import { atHome, mayTouch, ownerAllows, type Asked } from './decide.ts';
import { noRules, parseOwnerRules, type OwnerRules } from './rules.ts';

const exec: ChannelParams = { kind: 'exec', argv: ['true'], env: {} };
const tcp: ChannelParams = { kind: 'tcp', host: '127.0.0.1', port: 5432 };
const all: readonly ChannelParams[] = [
  { kind: 'shell', pty: { term: 'xterm', cols: 80, rows: 24 }, env: {} },
  exec,
  { kind: 'files', mode: 'read', roots: ['/'] },
  { kind: 'files', mode: 'write', roots: ['~'] },
  tcp,
];

function rules(value: object): OwnerRules {
  const parsed = parseOwnerRules(value);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

function ask(params: ChannelParams, about: Partial<Asked> = {}): Asked {
  return { pass: { target: 'pump-7' }, params, ownUser: 'svc', home: '/home/svc', ...about };
}

function words(value: object, params: ChannelParams, about?: Partial<Asked>): string | undefined {
  const answer = ownerAllows(rules(value), ask(params, about));
  if (answer.ok) return undefined;
  assert.equal(answer.code, 'owner_refused');
  assert.match(answer.words, /^the device's owner /);
  return answer.words;
}

function files(mode: 'read' | 'write', ...roots: readonly string[]): ChannelParams {
  return { kind: 'files', mode, roots };
}

test('without rules the pass alone counts', () => {
  for (const params of all) assert.deepEqual(ownerAllows(noRules, ask(params)), { ok: true });
});

test('kinds: what is listed is allowed, what is not is refused by its name', () => {
  for (const params of all) {
    assert.equal(words({ kinds: [params.kind] }, params), undefined);
    const others = servedKinds.filter((kind) => kind !== params.kind);
    assert.equal(words({ kinds: others }, params), `the device's owner does not allow ${params.kind} here`);
  }
});

test('users: a session is one of them, also when the parameters name nobody', () => {
  assert.equal(words({ users: ['svc'] }, exec), undefined);
  assert.equal(words({ users: ['svc'] }, { ...exec, user: 'svc' }), undefined);
  assert.match(words({ users: ['svc'] }, { ...exec, user: 'root' }) ?? '', /the user "root"/);
  assert.match(words({ users: ['svc'] }, exec, { ownUser: 'root' }) ?? '', /the user "root"/);
  assert.match(
    words({ users: ['svc'] }, { ...files('read', '/'), user: 'root' } as ChannelParams) ?? '',
    /root/,
  );
  assert.ok(words({ users: [] }, exec));
});

test('users: a connection runs as nobody', () => {
  assert.equal(words({ users: ['svc'] }, tcp, { ownUser: 'root' }), undefined);
});

test('paths: at or below a listed one, for that direction only', () => {
  const paths = { read: ['/opt/fw', '~/logs'], write: ['/opt/fw/in'] };
  for (const root of ['/opt/fw', '/opt/fw/a/b', '~/logs', '~/logs/x', '/home/svc/logs'])
    assert.equal(words({ paths }, files('read', root)), undefined, root);
  for (const root of ['/', '/opt', '/opt/fwx', '/opt/fw2/a', '~', '~/logs2', '/home/svc', '/root/logs'])
    assert.match(words({ paths }, files('read', root)) ?? '', /does not allow reading "/, root);
  assert.match(words({ paths }, files('write', '/opt/fw')) ?? '', /does not allow writing "\/opt\/fw"/);
  assert.equal(words({ paths }, files('write', '/opt/fw/in/x')), undefined);
});

test('paths: one root outside refuses them all', () => {
  assert.ok(words({ paths: { read: ['/opt'] } }, files('read', '/opt/a', '/etc')));
});

test('paths: a direction that is not listed is closed', () => {
  assert.ok(words({ paths: { read: ['/'] } }, files('write', '/opt')));
  assert.ok(words({ paths: {} }, files('read', '/opt')));
});

test('paths: "~" is the home of the user that it runs as', () => {
  const paths = { read: ['~/logs'] };
  assert.equal(words({ paths }, files('read', '/srv/ana/logs'), { home: '/srv/ana' }), undefined);
  assert.ok(words({ paths }, files('read', '/home/svc/logs'), { home: '/srv/ana' }));
  assert.equal(words({ paths: { read: ['/home/svc'] } }, files('read', '~')), undefined);
  assert.equal(words({ paths: { read: ['/'] } }, files('read', '~')), undefined);
  assert.equal(atHome('~', '/'), '/');
  assert.equal(atHome('~/a', '/'), '/a');
  assert.equal(atHome('~/a', '/home/svc/'), '/home/svc/a');
});

test('paths: what is allowed stays allowed below it, and nothing is allowed above', () => {
  const name = fc.stringMatching(/^[a-z.~]{1,4}$/).filter((text) => text !== '.' && text !== '..');
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => `/${names.join('/')}`);
  fc.assert(
    fc.property(path, path, (allowed, below) => {
      const narrow = rules({ paths: { read: [allowed] } });
      assert.ok(mayTouch(narrow, 'read', normalPath(`${allowed}${below}`) ?? '', '/home/svc'));
      const above = allowed.slice(0, allowed.lastIndexOf('/')) || '/';
      assert.equal(mayTouch(narrow, 'read', above, '/home/svc'), false);
    }),
  );
});

test('targets: a connection goes where they say', () => {
  const targets = ['127.0.0.1:5432', '10.0.0.5:*'];
  assert.equal(words({ targets }, tcp), undefined);
  assert.equal(words({ targets }, { ...tcp, host: '10.0.0.5', port: 22 }), undefined);
  assert.match(words({ targets }, { ...tcp, port: 22 }) ?? '', /connections to "127\.0\.0\.1:22" from here/);
  assert.ok(words({ targets }, { ...tcp, host: 'localhost' }));
  assert.ok(words({ targets: [] }, tcp));
  assert.equal(words({ targets: [] }, exec), undefined);
});

test('planes: maintenance is all but connections to named services', () => {
  const service = { pass: { target: 'pump-7/db' } };
  for (const params of all)
    assert.match(words({ planes: { maintenance: 'off' } }, params) ?? '', /maintenance/);
  assert.equal(words({ planes: { maintenance: 'off' } }, tcp, service), undefined);
  for (const params of all) assert.equal(words({ planes: { application: 'off' } }, params), undefined);
  assert.match(words({ planes: { application: 'off' } }, tcp, service) ?? '', /application plane off/);
});

test('planes: the name of a service makes no application of a shell', () => {
  const service = { pass: { target: 'pump-7/db' } };
  assert.ok(words({ planes: { maintenance: 'off' } }, exec, service));
});
