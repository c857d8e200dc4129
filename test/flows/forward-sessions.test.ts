// Forwards as the authority decides them: one destination a session, every connection decided and logged.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { channelsClosed } from '../../src/authority/sessions/channels-closed.ts';
import type { TcpParams } from '../../src/core/channel.ts';
import type { SessionId } from '../../src/core/ids.ts';
import { codeOf } from '../doubles/refusal.ts';
import {
  addDevice,
  addPerson,
  channel,
  logged,
  makeWorld,
  open,
  settle,
  type LinkedDevice,
  type Person,
  type World,
} from './authority-world.ts';

const policy = `
@id("see") permit (principal in Role::"operator", action == Action::"discover", resource);
@id("places") @maxSession("1h") @idle("5m")
permit (principal in Role::"operator", action == Action::"forward", resource)
when { context has host && (context.host == "10.0.0.1" || context.host == "db.lan") };
`;

let world: World;
let ana: Person;
let pump: LinkedDevice;

beforeEach(async () => {
  world = await makeWorld(policy);
  ana = await addPerson(world, 'ana');
  pump = await addDevice(world, 'pump-7');
});
afterEach(async () => await world.close());

const to = (host: string, port = 80): TcpParams => ({ kind: 'tcp', host, port });

async function openTo(
  params: TcpParams,
): Promise<{ readonly session: SessionId; readonly linkNonce: string }> {
  const opened = await open(world, ana, 'pump-7', params);
  assert.deepEqual(opened.destination, { host: params.host, port: params.port });
  return { session: opened.session.id as SessionId, linkNonce: opened.linkNonce };
}

test('L8 a session for one destination takes no channel to another, even one that policy allows', async () => {
  const ask = { ...(await openTo(to('10.0.0.1'))), target: 'pump-7' };
  await channel(world, ana, { ...ask, params: to('10.0.0.1') });
  for (const [n, other] of [to('10.0.0.1', 22), to('db.lan'), to('10.0.0.2')].entries()) {
    assert.equal(await codeOf(channel(world, ana, { ...ask, n: n + 2, params: other })), 'pass_params');
  }
  const signedOther = { ...ask, n: 9, params: to('10.0.0.1'), sentParams: to('db.lan') };
  assert.equal(await codeOf(channel(world, ana, signedOther)), 'pass_params');
  assert.equal((await logged(world)).filter((line) => line === 'channel.refused(pass_params)').length, 4);
  assert.equal((await logged(world)).filter((line) => line === 'channel.opened').length, 1);
});

test('L9 a rule for 10.0.0.1 opens neither 110.0.0.10 nor 10.0.0.1.evil, and 010.0.0.1 is no destination', async () => {
  assert.equal(await codeOf(open(world, ana, 'pump-7', to('110.0.0.10'))), 'denied');
  assert.equal(await codeOf(open(world, ana, 'pump-7', to('10.0.0.1.evil'))), 'denied');
  for (const host of ['010.0.0.1', '10.1', '167772161', '0x0a000001', '::ffff:10.0.0.1', '10.0.0.1.']) {
    assert.equal(await codeOf(open(world, ana, 'pump-7', to(host))), 'invalid', host);
  }
  await openTo(to('10.0.0.1'));
});

test('R-082 each connection is on the log with where it was asked for, where it ended up, and how much moved', async () => {
  const { session, linkNonce } = await openTo(to('db.lan'));
  await channel(world, ana, { session, linkNonce, target: 'pump-7', params: to('db.lan') });
  const told = { ended: 'clean', bytesUp: 10, bytesDown: 20 } as const;
  const channels = [
    { ...told, nth: 0, n: 1, peer: '10.0.0.7:80', durationMs: 1_500 },
    { ...told, nth: 1, n: 2, peer: '\u001b]0;pwned', durationMs: 1 },
  ];
  await channelsClosed(world.ctx, 'gate-1', { session, channels });
  const events = await world.store.events({ session }, { limit: 100 });
  const bodies = (type: string): unknown[] =>
    events.filter((event) => event.type === type).map(({ body }) => body);
  const [opened] = bodies('channel.opened') as { readonly host?: unknown; readonly port?: unknown }[];
  assert.deepEqual([opened?.host, opened?.port], ['db.lan', 80]);
  assert.deepEqual(bodies('channel.closed'), [
    { n: 1, bytesUp: 10, bytesDown: 20, peer: '10.0.0.7:80', durationMs: 1_500 },
    // A gate that makes something up writes no control characters into the log.
    { n: 2, bytesUp: 10, bytesDown: 20, durationMs: 1 },
  ]);
});

test('a forward that nobody has connected to yet waits as long as it may be idle, not a minute', async () => {
  const { session } = await openTo(to('db.lan'));
  world.clock.advance(299_000);
  await settle();
  assert.ok(world.ctx.sessions.get(session) !== undefined);
  world.clock.advance(1_001);
  await settle();
  const ended = await world.store.get('session', session);
  assert.equal(ended?.value.state, 'closed');
  assert.match(ended?.value.endDetail ?? '', /nothing was opened/);
  assert.equal(pump.link.sessions.size, 0);
});
