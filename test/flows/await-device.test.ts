// who may work on a device that is away waits for it, and learns nothing by waiting that he may not know.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { DeviceWaits } from '../../src/authority/sessions/await-device.ts';
import { limits } from '../../src/core/limits.ts';
import { paramsToJson } from '../../src/core/channel.ts';
import { codeOf } from '../doubles/refusal.ts';
import {
  addDevice,
  addPerson,
  execTrue,
  logged,
  makeWorld,
  settle,
  usePolicy,
  type LinkedDevice,
  type Person,
  type World,
} from './authority-world.ts';

let world: World;
let ana: Person;
let pump: LinkedDevice;
let waits: DeviceWaits;

beforeEach(async () => {
  world = await makeWorld();
  ana = await addPerson(world, 'ana');
  pump = await addDevice(world, 'pump-7');
  world.ctx.gates.dropLink(pump.link.id);
  waits = new DeviceWaits();
});
afterEach(async () => await world.close());

async function wait(target = 'pump-7', gone?: AbortSignal): Promise<{ readonly online: boolean }> {
  const body = { target, params: { ...paramsToJson(execTrue) }, waitMs: 60_000 };
  return await waits.wait(world.ctx, ana.caller, { body, gone });
}

test('the wait ends the moment the device is back, and is on the log', async () => {
  const waiting = wait();
  await settle();
  assert.deepEqual(await logged(world), ['session.waiting']);
  world.ctx.gates.addLink(pump.link);
  assert.deepEqual(await waiting, { online: true });
  assert.deepEqual(await wait(), { online: true }, 'a device that is there is not waited for');
});

test('it ends when its time is over, or when nobody waits any more', async () => {
  const waiting = wait();
  await settle();
  world.clock.advance(60_000);
  assert.deepEqual(await waiting, { online: false });
  const leave = new AbortController();
  const left = wait('pump-7', leave.signal);
  await settle();
  leave.abort();
  assert.deepEqual(await left, { online: false });
  assert.equal(world.clock.pendingTimers, 0);
});

test('whoever may not work on it does not learn whether it is there, by waiting either', async () => {
  usePolicy(world, 'permit (principal, action == Action::"discover", resource);');
  assert.equal(await codeOf(wait()), 'denied');
  usePolicy(world, 'permit (principal, action == Action::"exec", resource);');
  assert.equal(await codeOf(wait()), 'not_found');
  assert.equal(await codeOf(wait('nowhere')), 'not_found');
});

test('a person waits for a bounded number at a time', async () => {
  const leave = new AbortController();
  const all = Array.from({ length: limits.deviceWaitsPerIdentityMax }, async () => {
    return await wait('pump-7', leave.signal);
  });
  await settle();
  assert.equal(await codeOf(wait()), 'rate_limited');
  leave.abort();
  await Promise.all(all);
  const after = new AbortController();
  const again = wait('pump-7', after.signal);
  await settle();
  after.abort();
  await again;
});
