// maintenance windows. By the broker's clock alone, to the second, and what stands on one ends with it.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { Operator } from '../../src/authority/admin/operator.ts';
import { addWindow, listWindows, removeWindow } from '../../src/authority/windows/administer.ts';
import { WindowBook } from '../../src/authority/windows/window-book.ts';
import { outcomeOf } from '../doubles/refusal.ts';
import type { Session } from '../../src/core/session-record.ts';
import {
  addDevice,
  addPerson,
  channel,
  logged,
  makeWorld,
  open,
  settle,
  usePolicy,
  type Person,
  type World,
} from './authority-world.ts';

const policy = `
@id("see") permit (principal in Role::"operator", action == Action::"discover", resource);
@id("work") @maxSession("8h") @idle("8h")
permit (principal in Role::"operator", action == Action::"exec", resource) when { context.inWindow };`;
const hourMs = 3_600_000;

let world: World;
let ana: Person;
let admin: Operator;
beforeEach(async () => {
  world = await makeWorld(policy);
  ana = await addPerson(world, 'ana');
  const person = await addPerson(world, 'admin', ['administrator']);
  admin = { ...person.caller, identity: person.identity };
  await addDevice(world, 'pump-7');
});
afterEach(async () => await world.close());

/** iCalendar, UTC, so many ms from now. */
function from(ms: number): string {
  const at = new Date(Math.ceil(world.clock.now() / 1_000) * 1_000 + ms).toISOString();
  return `DTSTART:${at.slice(0, 19).replace(/[-:]/g, '')}Z`;
}

async function add(rule: string, changes: { device?: string; label?: string; lastsMs?: number } = {}) {
  return await addWindow(world.ctx, admin, { name: 'night', rule, lastsMs: 2 * hourMs, ...changes });
}

async function stored(id: string): Promise<Session> {
  return (await world.store.get('session', id))?.value ?? assert.fail();
}

/** As a broker sees it that has just started. */
async function isOpenAnew(): Promise<boolean> {
  const again = new WindowBook(world.clock);
  await again.load(world.store);
  const device = (await world.store.find('device', { name: 'pump-7' }))?.value ?? assert.fail();
  return again.stateFor(device).isOpen;
}

function untilStart(window: { readonly opensAt?: string | undefined }): number {
  return Date.parse(window.opensAt ?? '') - world.clock.now();
}

test('I9 R-044 one second early is no, and says when it opens; at its start it is yes', async () => {
  const window = await add(from(hourMs));
  world.clock.advance(untilStart(window) - 1_000);
  await assert.rejects(open(world, ana, 'pump-7'), {
    code: 'denied',
    next: `wait for its maintenance window, which opens at ${window.opensAt}`,
  });
  world.clock.advance(999);
  assert.equal(await outcomeOf(open(world, ana, 'pump-7')), 'denied');
  assert.equal(await isOpenAnew(), false, 'worked out at this moment, too');
  world.clock.advance(1);
  assert.equal(await isOpenAnew(), true);
  assert.equal(await outcomeOf(open(world, ana, 'pump-7')), 'allowed');
});

test('R-044 its end ends the session, which says so, and nothing opens from then on', async () => {
  const window = await add(from(hourMs));
  world.clock.advance(untilStart(window) + hourMs);
  const { session, linkNonce } = await open(world, ana, 'pump-7');
  await channel(world, ana, { session: session.id, target: 'pump-7', linkNonce });
  assert.equal((await stored(session.id)).mustEndAt, Date.parse(window.opensAt ?? '') + 2 * hourMs);
  world.clock.advance(hourMs - 1);
  await settle();
  assert.equal(await outcomeOf(open(world, ana, 'pump-7')), 'allowed');
  world.clock.advance(1);
  await settle();
  assert.equal((await stored(session.id)).endReason, 'window');
  assert.ok(world.orders.some((order) => order.type === 'cut' && order.sessions.includes(session.id)));
  assert.equal(await outcomeOf(open(world, ana, 'pump-7')), 'denied');
});

test('a session that is allowed without a window does not end with one', async () => {
  usePolicy(world, policy.replace(' when { context.inWindow }', ''));
  await add(from(-hourMs));
  const { session } = await open(world, ana, 'pump-7');
  const { mustEndAt, windowEndsAt } = await stored(session.id);
  assert.deepEqual([mustEndAt - world.clock.now(), windowEndsAt], [8 * hourMs, undefined]);
});

test('a window is on its device, or on its label, and on no other', async () => {
  await addDevice(world, 'pump-8', 'paris');
  await add(from(-hourMs), { device: 'pump-8' });
  assert.deepEqual(
    [await outcomeOf(open(world, ana, 'pump-7')), await outcomeOf(open(world, ana, 'pump-8'))],
    ['denied', 'allowed'],
  );
  await removeWindow(world.ctx, admin, 'night');
  await add(from(-hourMs), { label: 'site=lyon' });
  assert.deepEqual(
    [await outcomeOf(open(world, ana, 'pump-7')), await outcomeOf(open(world, ana, 'pump-8'))],
    ['allowed', 'denied'],
  );
});

test('removed, it ends what stands on it', async () => {
  await add(from(-hourMs));
  const { session } = await open(world, ana, 'pump-7');
  await removeWindow(world.ctx, admin, 'night');
  assert.equal((await stored(session.id)).endReason, 'window');
  assert.deepEqual((await logged(world)).slice(-2), ['window.removed', 'session.ended(window)']);
});

test('openings that touch are one, and each is looked at anew when the clock jumps back', async () => {
  const hourly = await add(`${from(-hourMs)} RRULE:FREQ=DAILY;COUNT=3`, { lastsMs: 24 * hourMs });
  assert.ok(hourly.open);
  const end = Date.parse(hourly.endsAt ?? '');
  assert.ok(end - world.clock.now() > 70 * hourMs, 'three days in one');
  world.clock.advance(80 * hourMs);
  assert.deepEqual(
    (await listWindows(world.ctx, {})).items.map(({ open: isOpen }) => isOpen),
    [false],
  );
});

test('after a restart the windows are there again', async () => {
  await add(from(-hourMs));
  assert.ok(await isOpenAnew());
});

test('a name twice, a rule that is none, both a device and a label: refused with words', async () => {
  await add(from(0));
  assert.equal(await outcomeOf(add(from(0))), 'conflict');
  assert.equal(await outcomeOf(add('every monday')), 'invalid');
  assert.equal(await outcomeOf(add(from(0), { device: 'pump-7', label: 'site=lyon' })), 'invalid');
  assert.equal(await outcomeOf(add(from(0), { device: 'pump-9' })), 'not_found');
  assert.equal(await outcomeOf(removeWindow(world.ctx, admin, 'day')), 'not_found');
});
