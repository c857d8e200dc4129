// tickets of other systems, told of by signed webhooks. Only one that is open, names the device and is in its
// change window counts, and what stands on it ends with it.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, suite, test } from 'node:test';
import type { RequestFiled } from '../../src/api/requests.ts';
import type { TicketView } from '../../src/api/tickets.ts';
import { showSession } from '../../src/authority/admin/show-session.ts';
import { forgetAssertions } from '../../src/authority/workload/forget-assertions.ts';
import { forgetTickets } from '../../src/authority/tickets/forget-tickets.ts';
import { openSession } from '../../src/authority/sessions/open-session.ts';
import { TicketBook } from '../../src/authority/tickets/ticket-book.ts';
import type { TicketSource } from '../../src/authority/tickets/sources.ts';
import { paramsToJson } from '../../src/core/channel.ts';
import type { AuditEvent } from '../../src/core/event.ts';
import { limits } from '../../src/core/limits.ts';
import { outcomeOf } from '../doubles/refusal.ts';
import { makeApiWorld, signIn, type ApiWorld, type Peer, type Reply } from './api-world.ts';
import {
  addDevice,
  addPerson,
  channel,
  execTrue,
  settle,
  usePolicy,
  type Person,
} from './authority-world.ts';

const policy = `
@id("see") permit (principal in Role::"operator", action == Action::"discover", resource);
@id("approve") permit (principal in Role::"approver", action == Action::"approve", resource);
@id("work") @maxSession("8h") @idle("8h")
permit (principal in Role::"operator", action == Action::"exec", resource) when { context has ticket };
@id("shells") @maxSession("8h") @approvers("1")
permit (principal in Role::"operator", action == Action::"shell", resource) when { context has ticket };`;
const hourMs = 3_600_000;
const secret = Buffer.from('a secret of twenty-four letters and more');

const plain: TicketSource = {
  tenant: 'default',
  webhook: { secret, signature: 'standard' },
  ticket: '/change/number',
  status: '/change/state',
  open: ['implement'],
  covers: '/change/devices',
  from: '/change/start',
  until: '/change/end',
};
const jira: TicketSource = {
  tenant: 'default',
  webhook: { secret, signature: 'hub' },
  ticket: '/issue/key',
  status: '/issue/fields/status/name',
  open: ['In Progress'],
  covers: '/issue/fields/customfield_1',
  changed: '/issue/fields/updated',
};

let world: ApiWorld;
let ana: Person;
let sent = 0;
beforeEach(async () => {
  world = await makeApiWorld(policy, {
    ticketSources: new Map([
      ['changes', plain],
      ['jira', jira],
    ]),
  });
  ana = await addPerson(world, 'ana');
  await addDevice(world, 'pump-7');
  await addDevice(world, 'pump-8');
});
afterEach(async () => await world.close());

interface Change {
  readonly number?: string;
  readonly state?: string;
  readonly devices?: unknown;
  readonly start?: string;
  readonly end?: string;
}

function iso(fromNowMs: number): string {
  return new Date(world.clock.now() + fromNowMs).toISOString();
}

function message(change: Change = {}): string {
  const whole = { number: 'CHG-4711', state: 'implement', devices: ['pump-7'], ...change };
  return JSON.stringify({ change: whole });
}

async function post(
  raw: string,
  more: {
    readonly id?: string;
    readonly sentAt?: number;
    readonly key?: Buffer;
    readonly headers?: Record<string, string>;
    readonly source?: string;
  } = {},
): Promise<Reply> {
  sent += 1;
  const id = more.id ?? `msg_${sent}`;
  const stamp = String(Math.floor((more.sentAt ?? world.clock.now()) / 1_000));
  const hmac = createHmac('sha256', more.key ?? secret)
    .update(`${id}.${stamp}.${raw}`)
    .digest('base64');
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': stamp,
    'webhook-signature': `v1,${hmac}`,
    ...more.headers,
  };
  return await world.call(undefined, `POST /v1/tickets/messages/${more.source ?? 'changes'}`, {
    raw,
    headers,
  });
}

async function tell(change: Change = {}): Promise<void> {
  const reply = await post(message(change));
  assert.equal(reply.status, 200, reply.text);
}

async function open(ticket?: string, target = 'pump-7') {
  const body = { target, params: paramsToJson(execTrue), ...(ticket === undefined ? {} : { ticket }) };
  return await openSession(world.ctx, ana.caller, body);
}

async function refusal(
  ticket?: string,
  target = 'pump-7',
): Promise<{ readonly code: string; readonly next: string }> {
  const error = (await open(ticket, target).catch((caught: unknown) => caught)) as {
    code: string;
    next?: string;
  };
  return { code: error.code, next: error.next ?? '' };
}

async function events(type: string): Promise<readonly AuditEvent[]> {
  return await world.ctx.store.events({ types: [type] }, { limit: 20 });
}

async function endOf(id: string): Promise<string | undefined> {
  const caller = { ...ana.caller, identity: ana.identity };
  return (await showSession(world.ctx, caller, id)).endReason;
}

suite('a ticket counts', () => {
  test('open, for this device, in its window; the session names it, and so does the log', async () => {
    await tell({ end: iso(2 * hourMs) });
    const { session, linkNonce } = await open('CHG-4711');
    assert.equal(session.ticket, 'CHG-4711');
    assert.equal(Date.parse(session.mustEndAt) - world.clock.now(), 2 * hourMs);
    await channel(world, ana, { session: session.id, target: 'pump-7', linkNonce });
    const [issued] = await events('session.issued');
    assert.equal(issued?.body['ticket'], 'CHG-4711');
  });

  test('I8 not one that is unknown, closed, about something else, early or over; the words say which', async () => {
    const cases: readonly [Change | undefined, RegExp][] = [
      [undefined, /is not known here/],
      [{ state: 'closed' }, /is not open/],
      [{ devices: ['pump-8', 'pump-70', 'pump-7/web'] }, /is about something else/],
      [{ start: iso(hourMs) }, /has not begun yet/],
      [{ start: iso(-2 * hourMs), end: iso(-hourMs) }, /is over/],
    ];
    for (const [change, words] of cases) {
      if (change !== undefined) await tell(change);
      world.clock.advance(1_000);
      const { code, next } = await refusal('CHG-4711');
      assert.equal(code, 'denied');
      assert.match(next, words);
    }
    assert.equal((await refusal()).code, 'denied');
    assert.equal((await refusal('x y')).code, 'invalid');
  });

  test('to the second: not one moment early, and not at its end', async () => {
    await tell({ start: iso(hourMs), end: iso(2 * hourMs) });
    world.clock.advance(hourMs - 1);
    assert.equal((await refusal('CHG-4711')).code, 'denied');
    world.clock.advance(1);
    const { session, linkNonce } = await open('CHG-4711');
    await channel(world, ana, { session: session.id, target: 'pump-7', linkNonce });
    world.clock.advance(hourMs);
    await settle();
    assert.equal(await endOf(session.id), 'ticket');
    assert.equal((await refusal('CHG-4711')).code, 'denied');
  });

  test('not after its source was taken out of the configuration, also for a broker that has just started', async () => {
    await tell();
    const again = new TicketBook(world.clock, new Map([['jira', jira]]));
    await again.load(world.ctx.store);
    const device = (await world.ctx.store.find('device', { name: 'pump-7' }))?.value ?? assert.fail();
    assert.equal(again.faultOf('CHG-4711', { device }), 'unknown');
    const same = new TicketBook(world.clock, world.ctx.tickets.sources);
    await same.load(world.ctx.store);
    assert.equal(same.faultOf('CHG-4711', { device }), undefined);
  });
});

suite('I8 what stands on a ticket ends', () => {
  test('when it is closed, or is about something else now; other sessions stay', async () => {
    await tell();
    await tell({ number: 'CHG-4712' });
    const [one, other] = [await open('CHG-4711'), await open('CHG-4712')];
    world.clock.advance(1_000);
    await tell({ state: 'closed' });
    assert.equal(await endOf(one.session.id), 'ticket');
    assert.equal(await endOf(other.session.id), undefined);
    world.clock.advance(1_000);
    await tell({ number: 'CHG-4712', devices: ['pump-8'] });
    assert.equal(await endOf(other.session.id), 'ticket');
  });

  test('a session that policy allows without it does not stand on it', async () => {
    await tell({ end: iso(hourMs) });
    usePolicy(world, policy.replaceAll(' when { context has ticket }', ''));
    const { session } = await open('CHG-4711');
    world.clock.advance(1_000);
    await tell({ state: 'closed' });
    assert.equal(await endOf(session.id), undefined);
    assert.ok(Date.parse(session.mustEndAt) - world.clock.now() > 2 * hourMs);
  });

  test('a channel that comes after it was closed is refused', async () => {
    await tell();
    const { session, linkNonce } = await open('CHG-4711');
    world.ctx.tickets.remove('CHG-4711');
    const late = outcomeOf(channel(world, ana, { session: session.id, target: 'pump-7', linkNonce }));
    assert.equal(await late, 'denied');
  });
});

suite('a request names its ticket', () => {
  let bo: Peer;
  let cy: Peer;
  beforeEach(async () => {
    bo = await signIn(world, 'bo', ['approver']);
    cy = await signIn(world, 'cy', ['operator']);
  });

  async function ask(ticket: string): Promise<Reply<RequestFiled>> {
    const body = { target: 'pump-7', forMs: hourMs / 2, reason: 'valve', actions: ['shell'], ticket };
    return await world.call<RequestFiled>(cy, 'POST /v1/requests', { body });
  }

  test('one that does not count is refused at once; one that begins later may be asked for', async () => {
    assert.match((await ask('CHG-4711')).text, /is not known here/);
    await tell({ devices: ['pump-8'] });
    assert.match((await ask('CHG-4711')).text, /is about something else/);
    await tell({ number: 'CHG-1', start: iso(hourMs) });
    const filed = await ask('CHG-1');
    assert.deepEqual([filed.status, filed.body.ticket], [200, 'CHG-1'], filed.text);
    assert.equal(bo.name, 'bo');
  });
});

suite('A8 webhooks that are refused', () => {
  const bad: Readonly<Record<string, Parameters<typeof post>[1]>> = {
    'another secret': { key: Buffer.from('another secret of twenty-four letters') },
    'an old time': { sentAt: 0 },
    'a signature over another version': { headers: { 'webhook-signature': 'v2,AAAA' } },
    'no signature': { headers: { 'webhook-signature': '' } },
    'an unknown source': { source: 'other' },
    'the signature of another kind of source': { source: 'jira' },
  };
  for (const [what, more] of Object.entries(bad)) {
    test(`A8 ${what}`, async () => {
      const reply = await post(message(), more);
      assert.deepEqual([reply.status, reply.body['code']], [401, 'unauthenticated']);
      assert.equal((await events('auth.failed')).length, 1);
      assert.equal(await world.ctx.store.count('ticket', {}), 0);
    });
  }

  test('A8 a signature over the same JSON in other bytes', async () => {
    const [id, stamp] = ['msg_x', String(Math.floor(world.clock.now() / 1_000))];
    const hmac = createHmac('sha256', secret).update(`${id}.${stamp}.${message()}`).digest('base64');
    const headers = { 'webhook-id': id, 'webhook-timestamp': stamp, 'webhook-signature': `v1,${hmac}` };
    const raw = message().replace(':', ': ');
    assert.deepEqual(JSON.parse(raw), JSON.parse(message()));
    const reply = await world.call(undefined, 'POST /v1/tickets/messages/changes', { raw, headers });
    assert.equal(reply.status, 401);
  });

  test('A8 the right signature under another version', async () => {
    const [id, stamp] = ['msg_v2', String(Math.floor(world.clock.now() / 1_000))];
    const mac = createHmac('sha256', secret).update(`${id}.${stamp}.${message()}`).digest('base64');
    const headers = { 'webhook-signature': `v2,${mac}` };
    assert.equal((await post(message(), { id, headers })).status, 401);
    headers['webhook-signature'] = `v2,AAAA v1,${mac}`;
    assert.equal((await post(message(), { id, headers })).status, 200);
  });

  test('A8 a message again is acknowledged and does nothing; an older one never undoes a newer one', async () => {
    const opened = message();
    assert.equal((await post(opened, { id: 'one' })).status, 200);
    world.clock.advance(1_000);
    await tell({ state: 'closed' });
    assert.equal((await post(opened, { id: 'one' })).status, 200);
    assert.equal((await post(opened, { sentAt: world.clock.now() - 60_000 })).status, 200);
    assert.equal(world.ctx.tickets.get('CHG-4711')?.isOpen, false);
    assert.equal((await events('ticket.changed')).length, 2);
  });

  test('one source does not speak for the tickets of another; attempts are limited', async () => {
    await tell({ number: 'OPS-1' });
    assert.equal((await postJira({ updated: '2027-01-02T10:00:00.000+0100' })).status, 409);
    const statuses = new Set<number>();
    for (let n = 0; n <= limits.webhookAttemptsPerAddressPerMinute; n += 1) {
      statuses.add((await post(message(), { source: 'other' })).status);
    }
    assert.deepEqual([...statuses], [401, 429]);
  });

  test('what is missing in a message is named by its place', async () => {
    for (const [raw, place] of [
      [JSON.stringify({ change: { state: 'implement' } }), '/change/number'],
      [JSON.stringify({ change: { number: 'CHG-1' } }), '/change/state'],
      [message({ start: 'tomorrow' }), '/change/start'],
    ] as const) {
      const reply = await post(raw);
      assert.equal(reply.status, 400);
      assert.ok(reply.text.includes(place), reply.text);
    }
  });
});

async function postJira(fields: { readonly updated: string; readonly status?: string }): Promise<Reply> {
  const { updated, status = 'In Progress' } = fields;
  const raw = JSON.stringify({
    issue: { key: 'OPS-1', fields: { status: { name: status }, customfield_1: 'pump-7', updated } },
  });
  const hex = createHmac('sha256', secret).update(raw).digest('hex');
  const headers = { 'x-hub-signature': `sha256=${hex}` };
  return await world.call(undefined, 'POST /v1/tickets/messages/jira', { raw, headers });
}

test('as Jira sends it: a name instead of a list, a zone without a colon, the time of the change in the body', async () => {
  const first = await postJira({ updated: '2026-11-27T10:00:00.000+0100' });
  assert.equal(first.status, 200, first.text);
  const { session } = await open('OPS-1');
  assert.equal((await postJira({ updated: '2026-11-27T08:00:00Z', status: 'Done' })).status, 200);
  assert.equal(await endOf(session.id), undefined);
  assert.equal((await postJira({ updated: '2026-11-27 09:00:01', status: 'Done' })).status, 200);
  assert.equal(await endOf(session.id), 'ticket');
  const listed = await world.call<{ items: TicketView[] }>(world.admin, 'GET /v1/tickets');
  assert.deepEqual(
    listed.body.items.map(({ id, source, open: isOpen, covers }) => [id, source, isOpen, covers]),
    [['OPS-1', 'jira', false, ['pump-7']]],
  );
});

test('I8 a ticket that is closed for long is forgotten, and no old message brings it back', async () => {
  const hub = async (state: string, changed: string): Promise<void> => {
    const fields = { status: { name: state }, customfield_1: 'pump-7', updated: changed };
    const raw = JSON.stringify({ issue: { key: 'OPS-1', fields } });
    const hmac = createHmac('sha256', secret).update(raw).digest('hex');
    const headers = { 'x-hub-signature': `sha256=${hmac}` };
    const reply = await world.call(undefined, 'POST /v1/tickets/messages/jira', { raw, headers });
    assert.equal(reply.status, 200, reply.text);
  };
  const [opening, closing] = [iso(0), iso(60_000)];
  await hub('In Progress', opening);
  await tell({ number: 'CHG-1', state: 'closed' });
  await tell({ number: 'CHG-2', end: iso(60_000) });
  await tell({ number: 'CHG-3' });
  await open('OPS-1');
  await hub('Done', closing);
  const known = async () => (await world.store.list('ticket', {})).items.map(({ value }) => value.id);
  world.clock.advance(limits.ticketKeptMs);
  await forgetTickets(world.ctx);
  assert.deepEqual(await known(), ['CHG-1', 'CHG-2', 'CHG-3', 'OPS-1'], 'to the day');
  world.clock.advance(60_001);
  await forgetTickets(world.ctx);
  assert.deepEqual(await known(), ['CHG-3'], 'what is open without an end is kept');
  assert.equal(world.ctx.tickets.size, 1);

  // That the message was here before is long forgotten, too.
  await forgetAssertions(world.ctx);
  await hub('In Progress', opening);
  assert.equal((await refusal('OPS-1')).code, 'denied');
  const again = new TicketBook(world.clock, world.ctx.tickets.sources);
  await again.load(world.store);
  assert.equal(again.forgottenUpTo('jira'), Date.parse(closing), 'also after a start');
  await hub('In Progress', iso(0));
  await open('OPS-1');
});
