// A fleet as its operator has it: one token, several agents, acceptance, a swapped board, a copied directory, and
// what is left of a device and of an owner that go.

import assert from 'node:assert/strict';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { DeviceView, IdentityView } from '../../src/api/nouns.ts';
import type { SessionView } from '../../src/api/sessions.ts';
import { isAlive } from './proc.ts';
import { type Program, until } from './program.ts';
import { must, sitePolicy, Stage } from './stage.ts';

interface Inventory {
  readonly identities: readonly IdentityView[];
  readonly devices: readonly DeviceView[];
  readonly sessions: readonly SessionView[];
}

const size = 4;

suite('a fleet', () => {
  let stage: Stage;
  const agents = new Map<string, Program>();

  before(async () => {
    stage = await Stage.open();
    await stage.signInPeople(await stage.startBroker());
    await stage.applyPolicy(sitePolicy);
  });
  after(async () => {
    await stage?.close();
  });

  async function startAgent(name: string): Promise<void> {
    agents.set(
      name,
      stage.start(['agent', 'run', '--state', stage.stateDir(name)], stage.surroundings('device')),
    );
    await stage.untilOnline(name);
  }

  async function show(name: string): Promise<DeviceView> {
    return (await stage.adminJson('devices', 'show', name)) as DeviceView;
  }

  const names = (): readonly string[] => Array.from({ length: size }, (_, at) => `${stage.device}-${at + 1}`);

  test('one token from a file: each device gets the next name, is linked, and serves once it is accepted', async () => {
    const words = ['devices', 'invite', '--count', String(size), '--name', `${stage.device}-{n}`];
    const label = ['--owner', 'ana', '--label', 'site=lyon', '--for', '7d'];
    const { token } = (await stage.adminJson(...words, ...label)) as { readonly token: string };
    const file = join(stage.folder, 'token');
    await writeFile(file, `${token}\n`, { mode: 0o600 });
    for (const name of names()) {
      const join = ['agent', 'join', stage.address, '--token-file', file, '--state', stage.stateDir(name)];
      const said = must(await stage.run(join, stage.surroundings('device')), join);
      assert.match(said, new RegExp(`the device "${name}"[^]*sallyport devices accept ${name}`));
      await startAgent(name);
    }
    const beyond = [
      'agent',
      'join',
      stage.address,
      '--token-file',
      file,
      '--state',
      stage.stateDir('beyond'),
    ];
    assert.equal((await stage.run(beyond, stage.surroundings('device'))).code, 77);

    const [first = ''] = names();
    const refused = await stage.ana('exec', first, '--', 'true');
    assert.equal(refused.code, 75, refused.stderr);
    assert.match(refused.stderr, /is not accepted yet/);
    const listed = await stage.admin('devices', 'ls', '--pending');
    for (const name of names()) assert.match(listed.stdout, new RegExp(`${name} +pending`));
    const accepted = await stage.admin('devices', 'accept', '--pending', '--where', 'site=lyon', '--yes');
    assert.match(accepted.stdout, new RegExp(`${size} devices accepted`));
    const ran = await stage.ana('exec', '--where', 'site=lyon', '--yes', '--', 'true');
    assert.equal(ran.code, 0, ran.stderr);
  });

  test('R-087 the inventory is what is really connected', async () => {
    const [one = '', two = '', ...others] = names();
    const stream = stage.start(
      ['exec', one, '--', 'sh', '-c', 'while :; do echo tick; sleep 0.1; done'],
      stage.surroundings('ana'),
    );
    await stream.prints(/tick/);
    await agents.get(two)?.kill();
    await until('the broker knows', async () => !(await show(two)).online);
    const inventory = (await stage.adminJson('inventory')) as Inventory;
    const linked = inventory.devices.filter(({ online }) => online).map(({ name }) => name);
    const alive = names().filter((name) => isAlive(agents.get(name)?.pid ?? 0));
    assert.deepEqual(linked.sort(), [...alive].sort());
    assert.deepEqual([...alive].sort(), [one, ...others].sort());
    assert.deepEqual(
      inventory.sessions.map(({ device, kind }) => `${device.name} ${kind}`),
      [`${one} exec`],
    );
    const gone = inventory.devices.find(({ name }) => name === two);
    assert.equal(gone?.offlineBecause, 'its agent ended: stopped, killed, or shut down with its machine');
    await stream.end();
    await startAgent(two);
  });

  test('a state directory that came into an image is refused with words on another machine', async () => {
    const [one = ''] = names();
    const copy = stage.stateDir('copy');
    const filter = (path: string): boolean => !path.endsWith('.sock');
    await cp(stage.stateDir(one), copy, { recursive: true, filter });
    await writeFile(join(copy, 'machine.json'), '{"salt":"x","machine":"of another one"}\n', { mode: 0o600 });
    const ran = await stage.run(['agent', 'run', '--state', copy], stage.surroundings('device'));
    assert.equal(ran.code, 1, ran.stderr);
    assert.match(ran.stderr, /was made on another machine[^]*a token of its own[^]*--moved/);
    assert.equal((await show(one)).hold, undefined);
  });

  test('L6 another board goes on as the same device, and the old one is dead', async () => {
    const [, two = ''] = names();
    const before = await show(two);
    const { token } = (await stage.adminJson('devices', 'replace', two)) as { readonly token: string };
    const board = stage.stateDir('new-board');
    const join = ['agent', 'join', stage.address, '--token', token, '--state', board];
    must(await stage.run(join, stage.surroundings('device')), join);
    const old = agents.get(two) ?? assert.fail('no agent');
    await old.prints(/no link/);
    agents.set(two, stage.start(['agent', 'run', '--state', board], stage.surroundings('device')));
    await stage.untilOnline(two);
    assert.equal((await show(two)).id, before.id);
    assert.equal((await stage.ana('exec', two, '--', 'true')).code, 0);
    await old.end();
  });

  test('R-025 a device that is removed leaves nothing behind', async () => {
    const [, , three = ''] = names();
    const stream = stage.start(['exec', three, '--', 'sleep', '3600'], stage.surroundings('ana'));
    await stage.untilSession('is live', ({ live }) => live);
    must(await stage.admin('devices', 'remove', three, '--yes'), ['devices', 'remove']);
    assert.equal((await stream.exited).code, 255);
    const agent = agents.get(three) ?? assert.fail('no agent');
    await agent.prints(/no link/);
    const again = await stage.run(
      ['agent', 'join', stage.address, '--token', 'x', '--state', stage.stateDir(three)],
      stage.surroundings('device'),
    );
    assert.notEqual(again.code, 0);
    assert.equal((await stage.ana('exec', three, '--', 'true')).code, 69);
    await agent.end();
  });

  test('R-025 an owner who leaves: what he owned passes on or is locked, and nothing of his works', async () => {
    const [one = '', two = ''] = names();
    must(await stage.admin('identities', 'add', 'bob', '--role', 'operator'), ['identities', 'add']);
    const stuck = await stage.admin('identities', 'remove', 'ana', '--yes');
    assert.equal(stuck.code, 1);
    assert.match(stuck.stderr, /answers for .*--new-owner NAME/s);
    const stream = stage.start(['exec', one, '--', 'sleep', '3600'], stage.surroundings('ana'));
    await stage.untilSession('is live', ({ live }) => live);
    must(await stage.admin('identities', 'remove', 'ana', '--lock-owned', '--yes'), ['identities', 'remove']);
    assert.equal((await stream.exited).code, 255);
    assert.deepEqual([(await show(one)).locked, (await show(two)).locked], [true, true]);
    assert.equal((await stage.ana('exec', one, '--', 'true')).code, 77);
    const left = (await stage.adminJson('inventory')) as Inventory;
    assert.equal(left.sessions.length, 0);
  });
});
