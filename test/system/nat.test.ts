// The README's steps 2 to 5 between real networks: the device sits behind two NATs with everything inbound
// dropped, the broker in "the internet", the operator elsewhere, each with a data directory of its own.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { childrenOf, isAlive } from './proc.ts';
import { Network, whyNoNetwork } from './network.ts';
import { brokerPort, leave, openWithin } from './network-stage.ts';
import { until } from './program.ts';
import { must, sitePolicy, type Stage } from './stage.ts';

const why = await whyNoNetwork();
const seePolicy = `
@id("see")
permit (principal in Role::"operator", action == Action::"discover", resource);
`;

suite('behind two NATs, all inbound dropped', { skip: why ?? false }, () => {
  let network: Network;
  let stage: Stage;

  before(async () => {
    network = await Network.build();
    stage = await openWithin(network);
  });

  after(async () => await leave(network, stage));

  test('a broker, an administrator, an operator and a device come together', async () => {
    await stage.signInPeople(await stage.startBroker());
    await stage.joinDevice();
    await stage.startAgent();
  });

  test('R-010 a connected device grants nothing, and the answer says what would help', async () => {
    const unseen = await stage.ana('exec', stage.device, '--', 'true');
    assert.equal(unseen.code, 69, unseen.stderr);
    assert.match(unseen.stderr, /a policy must let you discover it/);
    // As for a device that does not exist: nothing tells the two apart but the name that was typed.
    const missing = await stage.ana('exec', 'nowhere', '--', 'true');
    assert.equal(missing.stderr.replaceAll('nowhere', stage.device), unseen.stderr);

    await stage.applyPolicy(seePolicy);
    const denied = await stage.ana('exec', stage.device, '--', 'true');
    assert.equal(denied.code, 77, denied.stderr);
    assert.match(denied.stderr, /policy does not let you exec on .*\n(?:what would help|next): \S+/);
    assert.deepEqual(await stage.events('--type', 'channel.opened'), []);
  });

  test('R-002 after a policy is applied, a session opens', async () => {
    await stage.applyPolicy(sitePolicy);
    const ran = await stage.ana('exec', stage.device, '--', 'sh', '-c', 'echo "$SALLYPORT_NAME"; exit 7');
    assert.equal(ran.code, 7, ran.stderr);
    assert.equal(ran.stdout, 'ana\n');
  });

  test('R-001 the agent has no listening network socket', async () => {
    assert.ok(isAlive(stage.agent?.pid ?? 0));
    assert.equal(await network.run('device', 'ss', '-H', '-ltnup'), '');
    // The same question finds what the broker opened, so that an empty answer means something.
    assert.match(await network.run('internet', 'ss', '-H', '-ltnup'), new RegExp(`:${brokerPort} `));
  });

  test('sessions ls shows a live session, and a lock cuts its stream within a second', async () => {
    const stream = stage.start(
      ['exec', stage.device, '--', 'sh', '-c', 'while :; do echo tick; done'],
      stage.surroundings('ana'),
    );
    let lastByteAt = 0;
    stream.child.stdout.on('data', () => {
      lastByteAt = Date.now();
    });
    await stream.prints(/tick/);
    const live = must(await stage.admin('sessions', 'ls'), ['sessions', 'ls']);
    assert.match(live, new RegExp(`ses_\\w+ .*ana.*${stage.device}.*exec`));

    const words = ['lock', 'add', '--device', stage.device, '--reason', 'stolen'];
    const locked = (await stage.adminJson(...words)) as { lock: { id: string; createdAt: string } };
    const { code } = await stream.exited;
    const ms = lastByteAt - Date.parse(locked.lock.createdAt);
    assert.equal(code, 255, stream.stderr);
    assert.match(stream.stderr, /stolen/);
    assert.ok(ms < 1_000, `the last byte came ${ms} ms after the lock`);
    await until('nothing of the session runs on the device', () => stage.onDevice().length === 0);
    await stage.untilSession('ended by the lock', (session) => session.endReason === 'lock');
    must(await stage.admin('unlock', locked.lock.id), ['unlock']);
    await stage.untilOnline();
  });

  test('R-003 the device is the same one after its address changed', async (t) => {
    const before = await linkAddresses(stage);
    const address = await network.changeEgress();
    await until(
      'the device is back from its new address',
      async () => (await linkAddresses(stage)).includes(address),
      60_000,
    );
    await stage.untilOnline();
    const ran = await stage.ana('exec', stage.device, '--', 'echo', 'still here');
    assert.equal(ran.stdout, 'still here\n', ran.stderr);
    const joined = await stage.events('--type', 'device.joined');
    assert.equal(joined.length, 1, 'it never joined again');
    t.diagnostic(`links came from ${before.join(', ')}, then from ${address}`);
  });

  test('L14 a black-holed link is noticed within 45 s on both sides, and everything is freed', async (t) => {
    const shell = stage.start(['exec', stage.device, '--', 'sleep', '3601'], stage.surroundings('ana'));
    await until('the command runs on the device', () => stage.onDevice().length > 0);
    const linksBefore = (await stage.events('--type', 'link.closed')).length;
    const startedAt = performance.now();
    const seconds = (): number => Math.round((performance.now() - startedAt) / 100) / 10;
    await network.blackHole();
    const [onDevice, atBroker, atOperator] = await Promise.all([
      until('the device ended the session', () => stage.onDevice().length === 0, 60_000).then(seconds),
      until(
        'the broker closed the link',
        async () => (await stage.events('--type', 'link.closed')).length > linksBefore,
        60_000,
      ).then(seconds),
      shell.exited.then(seconds),
    ]);
    t.diagnostic(
      `noticed on the device after ${onDevice} s, at the broker ${atBroker} s, ana ${atOperator} s`,
    );
    assert.ok(onDevice <= 46, `the device took ${onDevice} s`);
    assert.ok(atBroker <= 47, `the broker took ${atBroker} s`);
    assert.equal((await shell.exited).code, 255);
    assert.match(shell.stderr, /link was lost/);
    await stage.untilSession('lost with its device', (session) => session.endReason === 'device_gone');
    assert.deepEqual(childrenOf(stage.agent?.pid ?? 0), []);
  });

  test('an agent whose network is gone ends when it is told to: its receipt waits on the disk', async () => {
    const startedAt = performance.now();
    assert.deepEqual(await stage.agent?.end(), { code: 0, signal: null });
    const ms = Math.round(performance.now() - startedAt);
    assert.ok(ms < 8_000, `it took ${ms} ms`);
    const kept = await readdir(join(stage.stateDir(), 'receipts'));
    assert.equal(kept.length, 1, kept.join(', '));
  });
});

async function linkAddresses(stage: Stage): Promise<readonly string[]> {
  const opened = await stage.events('--type', 'link.opened', '--device', stage.device);
  return opened.map(({ body }) => (typeof body?.['sourceIp'] === 'string' ? body['sourceIp'] : ''));
}
