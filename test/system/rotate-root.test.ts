// the root turns over twice while a link and a session stay; a device that was away for both, people and
// tokens of before follow by themselves, also after a restart of everything.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { rootFingerprint } from '../../src/wire/roots.ts';
import { until } from './program.ts';
import { must, Stage } from './stage.ts';

suite('another root', () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.ready();
  });
  after(async () => {
    await stage?.close();
  });

  function pinnedBy(device: string): string {
    const text = readFileSync(join(stage.stateDir(device), 'state.json'), 'utf8');
    return rootFingerprint(new X509Certificate((JSON.parse(text) as { readonly root: string }).root));
  }

  async function rotate(): Promise<{ readonly rootFingerprint: string; readonly keysetVersion: number }> {
    const words = ['broker', 'rotate', 'root', '--data', stage.dataDir, '--json'];
    return JSON.parse(must(await stage.run(words, stage.surroundings('broker')), words)) as {
      readonly rootFingerprint: string;
      readonly keysetVersion: number;
    };
  }

  async function serves(device: string): Promise<void> {
    await stage.untilOnline(device);
    const ran = await stage.ana('exec', device, '--', 'echo', 'served');
    assert.equal(ran.stdout, 'served\n', ran.stderr);
  }

  test('R-027 twice: link and session stay, who was away and what was made before follow', async () => {
    await stage.joinDevice('sleeper');
    const { token } = (await stage.adminJson('devices', 'invite', 'late')) as { readonly token: string };
    const first = pinnedBy('sleeper');
    const stream = stage.start(
      ['exec', stage.device, '--', 'sh', '-c', 'while :; do echo tick; sleep 0.05; done'],
      stage.surroundings('ana'),
    );
    await stream.prints(/tick/);
    const links = (await stage.events('--type', 'link.opened')).length;

    const second = await rotate();
    assert.equal(second.keysetVersion, 2);
    const third = await rotate();
    assert.equal(third.keysetVersion, 3);
    assert.equal(new Set([first, second.rootFingerprint, third.rootFingerprint]).size, 3);
    const seen = stream.stdout.length;
    await until('the stream goes on', () => stream.stdout.length > seen + 200);
    assert.equal((await stage.events('--type', 'link.opened')).length, links, 'it is the same link');
    await stream.end();
    await serves(stage.device);

    // Away for both.
    assert.equal(pinnedBy('sleeper'), first);
    stage.start(['agent', 'run', '--state', stage.stateDir('sleeper')], stage.surroundings('device'));
    await serves('sleeper');
    assert.equal(pinnedBy('sleeper'), third.rootFingerprint);

    // A token of before the first, and one of now.
    const words = ['agent', 'join', stage.address, '--token', token, '--state', stage.stateDir('late')];
    must(await stage.run(words, stage.surroundings('device')), words);
    await stage.joinDevice('newcomer');
    for (const device of ['late', 'newcomer']) assert.equal(pinnedBy(device), third.rootFingerprint);
    stage.start(['agent', 'run', '--state', stage.stateDir('newcomer')], stage.surroundings('device'));
    await serves('newcomer');

    // Everything anew.
    await stage.agent?.end();
    await stage.startAgent();
    assert.equal(pinnedBy(stage.device), third.rootFingerprint);
    await stage.broker?.end();
    await stage.startBroker();
    for (const device of [stage.device, 'sleeper', 'newcomer']) await serves(device);
    const rotated = await stage.events('--type', 'ca.rotated');
    assert.deepEqual(
      rotated.map(({ body }) => [body?.['what'], body?.['rootFingerprint']]),
      [second, third].map((facts) => ['root', facts.rootFingerprint]),
    );
    const check = await stage.run(['broker', 'check', '--data', stage.dataDir], stage.surroundings('broker'));
    assert.equal(check.code, 0, check.stdout + check.stderr);
    must(await stage.admin('audit', 'verify'), ['audit', 'verify']);
  });
});
