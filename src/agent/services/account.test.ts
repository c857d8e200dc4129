import { test } from 'node:test';
import assert from 'node:assert/strict';
import { findAccount, parsePasswd, type Account } from './account.ts';
import { buildEnvironment } from './environment.ts';
import { parseStat } from './process-list.ts';

const ana: Account = { name: 'ana', home: '/home/ana', shell: '/bin/zsh', uid: 1000, become: [] };

test('an agent that is not root cannot become another user, and says so', async () => {
  await assert.rejects(findAccount('root', ana), { code: 'service_failed', message: /cannot become "root"/ });
});

test("the agent's own user, named or not, needs nothing", async () => {
  assert.equal(await findAccount(undefined, ana), ana);
  assert.equal(await findAccount('ana', ana), ana);
});

test('only whole lines of the user list count', () => {
  const content = [
    'root:x:0:0:root:/root:/bin/bash',
    '# a comment:x:1:1::/:/bin/sh',
    'nouid:x::5::/:/bin/sh',
    'badgid:x:5:x::/:/bin/sh',
    'short:x:5:5',
    'more:x:5:5::/:/bin/sh:extra',
    ':x:5:5::/:/bin/sh',
    'noshell:x:6:7:::',
    '',
  ].join('\n');
  assert.deepEqual(parsePasswd(content), [
    { name: 'root', uid: 0, gid: 0, home: '/root', shell: '/bin/bash' },
    { name: 'noshell', uid: 6, gid: 7, home: '/', shell: '/bin/sh' },
  ]);
});

test('S6 what the operator brings never overrides what the device sets', () => {
  const env = buildEnvironment({
    account: ana,
    // Not what parseParams lets through; the order must hold even so.
    params: { kind: 'exec', argv: ['env'], env: { LANG: 'C', PATH: '/tmp/evil', SALLYPORT_NAME: 'root' } },
    pass: { session: 'ses_1', identity: 'idn_1', name: 'ana', target: 'pump-7' },
  });
  assert.equal(env['PATH'], '/usr/local/bin:/usr/bin:/bin');
  assert.equal(env['SALLYPORT_NAME'], 'ana');
  assert.equal(env['LANG'], 'C');
  assert.equal(env['TERM'], undefined);
});

test('a process name with spaces and parentheses does not shift the fields of its line', () => {
  assert.deepEqual(parseStat('42 (a) b ) c) S 1 40 39 34816 77 4194560 0'), {
    isZombie: false,
    group: 40,
    foreground: 77,
  });
  assert.equal(parseStat('42 (sh) Z 1 40 39 0 -1 0')?.isZombie, true);
  assert.equal(parseStat(''), undefined);
});
