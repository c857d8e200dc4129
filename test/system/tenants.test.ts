// A second tenant on a real broker: made and administered by commands, with a device of the same name as the owner's.
// To each the other is not there, also after the broker has started again.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from './program.ts';
import { must, Stage, type SessionSeen } from './stage.ts';

const bossPolicy = `
@id("ours")
permit (principal in Role::"administrator", action, resource);
`;

test('R-071 a tenant has its own people, devices, policy, sessions and log, and the owner can cut it', async () => {
  const stage = await Stage.ready();
  try {
    const made = (await stage.adminJson('tenants', 'add', 'acme', '--admin', 'boss')) as {
      readonly invite: { readonly token: string };
    };
    const boss = async (...words: readonly string[]): Promise<string> =>
      must(await stage.run(words, stage.surroundings('cy')), words);
    const json = async (...words: readonly string[]): Promise<unknown> =>
      JSON.parse(await boss(...words, '--json')) as unknown;
    await boss('login', stage.address, '--invite', made.invite.token);
    assert.match(await boss('whoami'), /tenant +acme/);
    assert.deepEqual(await json('devices', 'ls'), []);
    assert.deepEqual(await json('policy', 'history'), []);

    // The owner has a device of this name.
    const { token } = (await json('devices', 'invite', stage.device)) as { readonly token: string };
    const state = join(stage.folder, 'acme-device');
    const joining = ['agent', 'join', stage.address, '--token', token, '--state', state];
    must(await stage.run(joining, stage.surroundings('device')), joining);
    stage.start(['agent', 'run', '--state', state], stage.surroundings('device'));
    const own = async () =>
      (await json('devices', 'show', stage.device)) as { readonly id: string; readonly online: boolean };
    await until('the device of acme is online', async () => (await own()).online);

    const refused = await stage.run(['exec', stage.device, '--', 'true'], stage.surroundings('cy'));
    assert.match(refused.stderr, /there is no target/, 'the owner’s policy says nothing of it');
    await mkdir(join(stage.folder, 'boss-policy'));
    await writeFile(join(stage.folder, 'boss-policy', 'a.cedar'), bossPolicy);
    await boss('policy', 'apply', join(stage.folder, 'boss-policy'));
    assert.equal(await boss('exec', stage.device, '--', 'echo', 'of acme'), 'of acme\n');
    assert.equal(must(await stage.ana('exec', stage.device, '--', 'echo', 'of ours'), []), 'of ours\n');

    const { id } = await own();
    const seen = (await json('sessions', 'ls', '--all')) as readonly (SessionSeen & {
      readonly device: { readonly id: string };
    })[];
    assert.deepEqual(
      seen.map(({ device }) => device.id),
      [id],
    );
    assert.ok((await stage.sessions()).every((session) => seen.every((other) => other.id !== session.id)));
    const [mine] = seen;
    assert.match((await stage.admin('sessions', 'show', mine?.id ?? '')).stderr, /there is no session/);
    assert.equal((await stage.events('--session', mine?.id ?? '')).length, 0);
    assert.notEqual((await stage.events('--session', mine?.id ?? '', '--all-tenants')).length, 0);
    const verified = await stage.run(['audit', 'verify'], stage.surroundings('cy'));
    assert.match(verified.stderr, /for whoever owns the broker/);
    assert.match(must(await stage.admin('audit', 'verify'), []), /whole/);

    await stage.broker?.end();
    await stage.startBroker();
    await until('both are online again', async () => {
      const ours = await stage.admin('devices', 'show', stage.device, '--json').catch(() => undefined);
      const theirs = await own().catch(() => undefined);
      return ours?.code === 0 && ours.stdout.includes('"online": true') && theirs?.online === true;
    });
    assert.equal(await boss('exec', stage.device, '--', 'echo', 'again'), 'again\n');

    const long = stage.start(['exec', stage.device, '--', 'sleep', '600'], stage.surroundings('cy'));
    await until('it runs', async () => {
      const live = (await json('sessions', 'ls')) as readonly SessionSeen[];
      return live.some(({ state: now }) => now === 'active');
    });
    must(await stage.admin('lock', 'add', '--tenant', 'acme', '--reason', 'not paid'), []);
    const ended = await long.finished();
    assert.notEqual(ended.code, 0);
    assert.match(ended.stderr, /not paid/);
    assert.match(must(await stage.admin('tenants', 'ls'), []), /acme +locked +1 +1/);
    const shut = await stage.run(['devices', 'ls'], stage.surroundings('cy'));
    assert.match(shut.stderr, /locked: not paid/);
    assert.equal(must(await stage.ana('exec', stage.device, '--', 'echo', 'ours'), []), 'ours\n');
  } finally {
    await stage.close();
  }
});

test('a file that names a tenant who is not here keeps the broker from starting, in words', async () => {
  const stage = await Stage.open();
  try {
    await stage.startBroker();
    await stage.broker?.end();
    const places = {
      ticket: '/key',
      status: '/status',
      open: ['open'],
      covers: '/devices',
      changed: '/changed',
    };
    const secretFile = join(stage.folder, 'secret');
    await writeFile(secretFile, 's'.repeat(32), { mode: 0o600 });
    const sources = { jira: { tenant: 'acme', signature: 'hub', secretFile, ...places } };
    await writeFile(join(stage.dataDir, 'tickets.yaml'), JSON.stringify({ sources }), { mode: 0o600 });
    const words = [
      'broker',
      'run',
      '--data',
      stage.dataDir,
      '--listen',
      '127.0.0.1:0',
      '--name',
      'localhost',
    ];
    const ran = await stage.run(words, stage.surroundings('broker'));
    assert.notEqual(ran.code, 0);
    assert.match(ran.stderr + ran.stdout, /"tickets.yaml" names the tenant "acme", which is not here/);
  } finally {
    await stage.close();
  }
});
