// Tickets whose system is asked, over TLS: before something opens for one, and while something stands on it.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { approveRequest } from '../../src/authority/requests/decide-request.ts';
import { fileRequest } from '../../src/authority/requests/file-request.ts';
import { showRequest } from '../../src/authority/requests/list-requests.ts';
import { openSession } from '../../src/authority/sessions/open-session.ts';
import type { TicketSource } from '../../src/authority/tickets/sources.ts';
import { paramsToJson, type ChannelParams } from '../../src/core/channel.ts';
import { newId } from '../../src/core/ids.ts';
import { limits } from '../../src/core/limits.ts';
import { keyId, signStatement } from '../../src/wire/signed.ts';
import { refusal } from '../doubles/refusal.ts';
import { startTicketSystem, type TicketSystem } from '../doubles/ticket-system.ts';
import { addDevice, addPerson, channel, execTrue, usePolicy, type Person } from './authority-world.ts';
import { makeApiWorld, type ApiWorld } from './api-world.ts';

const policy = `
@id("see") permit (principal in Role::"operator", action == Action::"discover", resource);
@id("work") @maxSession("8h") @idle("8h")
permit (principal in Role::"operator", action == Action::"exec", resource) when { context has ticket };
@id("free") permit (principal in Role::"operator", action == Action::"shell", resource);`;

const shell: ChannelParams = { kind: 'shell', pty: { term: 'xterm', cols: 80, rows: 24 }, env: {} };

let system: TicketSystem;
before(async () => {
  system = await startTicketSystem();
});
after(() => system.close());

let world: ApiWorld;
let ana: Person;

async function start(whenDown: 'refuse' | 'last' = 'refuse'): Promise<void> {
  const source: TicketSource = {
    tenant: 'default',
    ticket: '/key',
    status: '/state',
    open: ['open'],
    covers: '/devices',
    until: '/end',
    lookUp: {
      url: `${system.origin}/api/{ticket}?fields=all`,
      authorization: 'Bearer abc',
      tickets: ['CHG-', 'R/'],
      everyMs: 30_000,
      whenDown,
      ca: system.ca,
    },
  };
  world = await makeApiWorld(policy, { ticketSources: new Map([['changes', source]]) });
  ana = await addPerson(world, 'ana');
  await addDevice(world, 'pump-7');
}

beforeEach(async () => {
  system.fault = undefined;
  system.asked.length = 0;
  system.tickets.clear();
  change({});
  await start();
});
afterEach(async () => await world.close());

function change(more: object): void {
  system.tickets.set('CHG-1', { key: 'CHG-1', state: 'open', devices: ['pump-7'], ...more });
}

async function open(ticket = 'CHG-1', params: ChannelParams = execTrue) {
  return await openSession(world.ctx, ana.caller, { target: 'pump-7', params: paramsToJson(params), ticket });
}

/** Open and in use: what is not used within seconds ends by itself. */
async function standing(params: ChannelParams = execTrue): Promise<string> {
  const { session, linkNonce } = await open('CHG-1', params);
  await channel(world, ana, { session: session.id, target: 'pump-7', linkNonce, params });
  return session.id;
}

async function refused(words: RegExp, ticket?: string): Promise<void> {
  const error = await refusal(open(ticket));
  assert.match(`${error.message}; ${error.next ?? ''}`, words);
}

/** By real time: the answer comes over a socket. */
async function sweep(): Promise<void> {
  await world.ctx.lookUps.sweep.run(world.ctx);
}

async function endOf(id: string): Promise<string | undefined> {
  return (await world.store.get('session', id))?.value.endReason;
}

test('it is asked when the ticket is named, with its authorization, and its word counts at once', async () => {
  await open();
  assert.deepEqual(system.asked, [{ path: '/api/CHG-1?fields=all', authorization: 'Bearer abc' }]);
  world.clock.advance(limits.lookUpFreshMs);
  change({ state: 'closed' });
  await refused(/"CHG-1" is not open/);
  world.clock.advance(limits.lookUpFreshMs);
  change({ devices: ['pump-8'] });
  await refused(/is about something else/);
  await refused(/is not known here/, 'CHG-2');
  const events = await world.store.events({ types: ['ticket.changed'] }, { limit: 9 });
  assert.deepEqual(
    events.map(({ body }) => [body['open'], body['lookedUp']]),
    [
      [true, true],
      [false, true],
      [true, true],
    ],
  );
});

test('a moment later it is not asked again; those who ask at once ask once', async () => {
  await Promise.all([open(), open(), open()]);
  await open();
  assert.equal(system.asked.length, 1);
  world.clock.advance(limits.lookUpFreshMs);
  await open();
  assert.equal(system.asked.length, 2);
});

test('I8 closing it, or taking it away, cuts what stands on it, and nothing else', async () => {
  const stands = await standing();
  const free = await standing(shell);
  world.clock.advance(29_000);
  await sweep();
  assert.equal(system.asked.length, 1, 'not before its time');
  world.clock.advance(1_000);
  await sweep();
  assert.equal(await endOf(stands), undefined);
  system.tickets.delete('CHG-1');
  world.clock.advance(30_000);
  await sweep();
  assert.equal(await endOf(stands), 'ticket');
  assert.equal(await endOf(free), undefined);
});

test('a system that is down refuses what is new, and after ten minutes ends what is open; the log says so once', async () => {
  const stands = await standing();
  for (const fault of [500, 401, 302, 'hang'] as const) {
    world.clock.advance(limits.lookUpFreshMs);
    system.fault = fault;
    await refused(/could not be looked up: its system does not answer/);
    if (fault !== 'hang') await refused(/could not be looked up/, 'CHG-2');
  }
  system.fault = 500;
  await sweep();
  assert.equal(await endOf(stands), undefined, 'for a while');
  world.clock.advance(limits.lookUpStaleMs);
  await sweep();
  assert.equal(await endOf(stands), 'ticket');
  system.fault = undefined;
  await open();
  const events = await world.store.events({ types: ['ticket.source'] }, { limit: 9 });
  assert.deepEqual(
    events.map(({ outcome, actor }) => [outcome, actor.id]),
    [
      ['failure', 'tickets/changes'],
      ['success', 'tickets/changes'],
    ],
  );
});

test('with the switch "whenDown: last" what it told last counts; of what it never told there is nothing', async () => {
  await world.close();
  await start('last');
  const stands = await standing();
  system.fault = 500;
  world.clock.advance(limits.lookUpStaleMs * 2);
  await sweep();
  assert.equal(await endOf(stands), undefined);
  await open();
  await refused(/could not be looked up/, 'CHG-2');
});

test('the host is the configured one whatever a ticket is called, and it answers for what it was asked', async () => {
  system.tickets.set('R/../x#1', { key: 'R/../x#1', state: 'open', devices: ['pump-7'] });
  await open('R/../x#1');
  assert.deepEqual(system.asked.at(-1)?.path, '/api/R%2F..%2Fx%231?fields=all');
  await refused(/is not known here/, 'OTHER-1');
  assert.equal(system.asked.length, 1, 'nobody is asked for numbers of others');
  system.tickets.set('CHG-3', { key: 'CHG-1', state: 'open', devices: ['pump-7'] });
  await refused(/could not be looked up/, 'CHG-3');
  system.tickets.set('CHG-4', ['no object']);
  await refused(/could not be looked up/, 'CHG-4');
});

test('who types many numbers is stopped', async () => {
  for (let number = 0; number < limits.lookUpsPerIdentityPerMinute; number += 1)
    await refused(/is not known here/, `CHG-9${number}`);
  await refused(/too many tickets in a minute/);
  world.clock.advance(60_000);
  await open('CHG-1');
});

test('a request names a ticket that is asked about, too', async () => {
  change({ state: 'closed' });
  const wanted = {
    target: 'pump-7',
    actions: ['exec'] as const,
    forMs: 3_600_000,
    reason: 'x',
    ticket: 'CHG-1',
  };
  const caller = { ...ana.caller, identity: ana.identity };
  const error = await refusal(fileRequest(world.ctx, caller, { ...wanted, actions: ['exec'] }));
  assert.match(error.message, /"CHG-1" is not open/);
});

test('the ticket of an approved request is asked about, and may be locked, when the session opens', async () => {
  const bo = await addPerson(world, 'bo', ['approver']);
  const as = (person: Person) => ({ ...person.caller, identity: person.identity });
  const body = {
    target: 'pump-7',
    actions: ['shell' as const],
    forMs: 3_600_000,
    reason: 'x',
    ticket: 'CHG-1',
  };
  usePolicy(
    world,
    `${policy.replace(/@id\("free"\)[^;]*;/, '')}
@id("approve") permit (principal in Role::"approver", action == Action::"approve", resource);
@id("asked") @approvers("1") permit (principal in Role::"operator", action == Action::"shell", resource) when { context has ticket };`,
  );
  const approved = async (): Promise<void> => {
    const request = await fileRequest(world.ctx, as(ana), body);
    const shown = await showRequest(world.ctx, as(bo), request.id);
    const spki = bo.publicKey.export({ type: 'spki', format: 'der' }).toString('base64url');
    const yes = { request: shown.id, digest: shown.digest, spki };
    const statement = signStatement('approval', yes, { kid: keyId(bo.publicKey), privateKey: bo.key });
    await approveRequest(world.ctx, as(bo), { id: request.id, proof: { statement } });
  };
  const opened = async () =>
    await openSession(world.ctx, ana.caller, { target: 'pump-7', params: paramsToJson(shell) });
  await approved();
  await opened();
  await approved();
  world.clock.advance(limits.lookUpFreshMs);
  change({ state: 'closed' });
  assert.equal((await refusal(opened())).code, 'denied');
  world.clock.advance(limits.lookUpFreshMs);
  change({});
  const lock = newId('lck', world.ctx.random.bytes(16));
  const selector = { kind: 'ticket', id: 'CHG-1' } as const;
  world.ctx.locks.add({
    id: lock,
    tenant: 'default',
    selector,
    reason: 'no',
    createdBy: 'system',
    createdAt: 0,
  });
  assert.equal((await refusal(opened())).code, 'locked');
  world.ctx.locks.remove(lock);
  await opened();
});
