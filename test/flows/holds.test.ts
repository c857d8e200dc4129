// A device that is held: what it had ends, nothing opens, and an administrator's word is what frees it.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { acceptHeld, holdDevice } from '../../src/authority/enroll/hold-device.ts';
import { SallyportError } from '../../src/core/errors.ts';
import type { HoldReason } from '../../src/core/device.ts';
import {
  addDevice,
  addPerson,
  channel,
  logged,
  makeWorld,
  open,
  type LinkedDevice,
  type Person,
  type World,
} from './authority-world.ts';

let world: World;
let ana: Person;
let pump: LinkedDevice;

beforeEach(async () => {
  world = await makeWorld();
  ana = await addPerson(world, 'ana');
  pump = await addDevice(world, 'pump-7');
});
afterEach(async () => await world.close());

const system = { kind: 'system', id: 'test' } as const;

async function hold(why: HoldReason): Promise<void> {
  await holdDevice(world.ctx, { device: pump.device.id, why, by: system, events: [] });
}

const isHeld = (error: unknown): boolean =>
  error instanceof SallyportError && error.code === 'not_accepted' && /pump-7/.test(error.message);

for (const why of ['pending', 'clone', 'long_absent'] as const) {
  test(`${why}: what was live ends, nothing opens, and it is free once it is accepted`, async () => {
    const opened = await open(world, ana, 'pump-7');
    const ask = { session: opened.session.id, target: 'pump-7', linkNonce: opened.linkNonce };
    await channel(world, ana, ask);
    await hold(why);
    const session = await world.store.get('session', opened.session.id);
    assert.equal(session?.value.endReason, 'lock');
    assert.deepEqual(world.orders.filter((order) => order.type === 'cut').length, 1);
    const isLinkClosed = world.orders.some((order) => order.type === 'closeLink');
    assert.equal(isLinkClosed, why === 'clone', 'neither of two copies keeps a link');
    await assert.rejects(open(world, ana, 'pump-7'), isHeld);

    await acceptHeld(world.ctx, { device: pump.device.id, by: system, body: {} });
    world.ctx.gates.addLink(pump.link);
    await open(world, ana, 'pump-7');
    assert.ok((await logged(world)).includes(`device.accepted(${why})`));
  });
}

test('a session that opens while the hold is written ends, and no channel comes up on it', async () => {
  const [opened] = await Promise.allSettled([open(world, ana, 'pump-7'), hold('long_absent')]);
  if (opened.status === 'fulfilled') {
    const { session, linkNonce } = opened.value;
    await assert.rejects(channel(world, ana, { session: session.id, target: 'pump-7', linkNonce }));
  }
  assert.equal(world.ctx.sessions.all().length, 0);
});

test('a channel of a session that was issued before the hold is refused', async () => {
  const opened = await open(world, ana, 'pump-7');
  const held = { ...pump.device, hold: { why: 'pending', since: 1 } } as const;
  await world.store.commit({ changes: [{ put: 'device', value: held }], events: [] });
  const ask = { session: opened.session.id, target: 'pump-7', linkNonce: opened.linkNonce };
  await assert.rejects(channel(world, ana, ask), isHeld);
});

test('accepting a device that is not held changes nothing and writes nothing', async () => {
  const before = await logged(world);
  await acceptHeld(world.ctx, { device: pump.device.id, by: system, body: {} });
  assert.deepEqual(await logged(world), before);
});
