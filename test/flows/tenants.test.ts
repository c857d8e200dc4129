// Tenants: to each of them the others do not exist. Whoever asks for what is another's, by id or by name, on
// whichever route, hears what he would hear of something that never was (negative test I10).

import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { routes, RouteName } from '../../src/api/routes.ts';
import type { Invited } from '../../src/api/enrollments.ts';
import type { TenantView } from '../../src/api/tenants.ts';
import { issueCredential } from '../../src/authority/enroll/credentials.ts';
import { newId, type SessionId } from '../../src/core/ids.ts';
import type { Identity } from '../../src/core/identity.ts';
import { deviceCheckOf } from '../../src/authority/approvers/device-check.ts';
import { inTenant } from '../../src/authority/tenants/in-tenant.ts';
import { recordTicket } from '../../src/authority/tickets/record-ticket.ts';
import { endSession } from '../../src/authority/sessions/end-session.ts';
import { TenantBook } from '../../src/authority/store/tenant-book.ts';
import type { TicketSource } from '../../src/authority/tickets/sources.ts';
import type { Ticket } from '../../src/core/ticket.ts';
import type { Change } from '../../src/authority/store/store.ts';
import { spkiThumbprint } from '../../src/wire/signed.ts';
import { enrollment, lock, session } from '../contract/store-bodies.ts';
import { join, makeApiWorld, redeem, redeemAs, type ApiWorld, type Peer } from './api-world.ts';
import { addDevice, usePolicy, type LinkedDevice } from './authority-world.ts';

type Public = { [N in RouteName]: (typeof routes)[N]['who'] extends 'public' ? N : never }[RouteName];
type Names = readonly (keyof Theirs)[];

/** What is there, and how it is named on a route. */
interface Theirs {
  readonly device: string;
  readonly deviceName: string;
  readonly service: string;
  readonly person: string;
  readonly personName: string;
  /** Thumbprint of what he signs in by. */
  readonly personKey: string;
  readonly machine: string;
  readonly machineName: string;
  readonly window: string;
  readonly windowName: string;
  readonly lock: string;
  readonly enrollment: string;
  readonly policy: string;
  readonly policyNumber: string;
  readonly session: string;
  readonly request: string;
  readonly change: string;
  readonly delegation: string;
  readonly breakGlass: string;
  readonly approverSet: string;
  readonly event: string;
  readonly passkey: string;
  readonly tenant: string;
}

interface Way {
  readonly request: string;
  readonly body?: unknown;
}

const reason = 'to see whether it is there';
const exec = { kind: 'exec', argv: ['true'], env: {} };

/** Each way to name something; nothing: the route names nothing. A route that is new does not compile without. */
const ways: { readonly [N in Exclude<RouteName, Public>]: (of: Theirs) => readonly Way[] } = {
  showDevice: (of) => both(of, ['device', 'deviceName'], (id) => ({ request: `GET /v1/devices/${id}` })),
  acceptDevice: (of) =>
    both(of, ['device', 'deviceName'], (id) => ({ request: `POST /v1/devices/${id}/accept` })),
  replaceDevice: (of) =>
    both(of, ['device', 'deviceName'], (id) => ({ request: `POST /v1/devices/${id}/replace`, body: {} })),
  removeDevice: (of) => both(of, ['device', 'deviceName'], (id) => ({ request: `DELETE /v1/devices/${id}` })),
  listDevices: () => [{ request: 'GET /v1/devices' }],
  inviteDevice: (of) =>
    both(of, ['person', 'personName'], (owner) => ({
      request: 'POST /v1/devices/invitations',
      body: { name: 'mine', owner },
    })),
  listServices: () => [{ request: 'GET /v1/services' }],
  addService: (of) =>
    both(of, ['device', 'deviceName'], (device) => ({
      request: 'POST /v1/services',
      body: {
        device,
        name: 'db',
        host: '127.0.0.1',
        port: 5_432,
        class: 'workload',
        owner: of.personName,
        reviewBy: '2099-01-01T00:00:00Z',
      },
    })),
  removeService: (of) => [
    { request: `DELETE /v1/services/${of.service}` },
    { request: `DELETE /v1/services/${of.deviceName}%2Fdb` },
  ],
  listIdentities: () => [{ request: 'GET /v1/identities' }],
  showIdentity: (of) => both(of, people, (id) => ({ request: `GET /v1/identities/${id}` })),
  removeIdentity: (of) => [
    ...both(of, people, (id) => ({ request: `DELETE /v1/identities/${id}?lockOwned=true` })),
  ],
  grantRole: (of) =>
    both(of, people, (identity) => ({
      request: 'POST /v1/roles/grant',
      body: { identity, role: 'auditor' },
    })),
  revokeRole: (of) =>
    both(of, people, (identity) => ({
      request: 'POST /v1/roles/revoke',
      body: { identity, role: 'operator' },
    })),
  kill: (of) =>
    both(of, people, (identity) => ({ request: 'POST /v1/identities/kill', body: { identity, reason } })),
  invitePerson: (of) => [
    {
      request: 'POST /v1/identities/invitations',
      body: { name: 'guest', vendor: 'Turbines', sponsor: of.personName, purpose: 'x', forMs: 3_600_000 },
    },
  ],
  addMachine: (of) => [
    {
      request: 'POST /v1/workloads',
      body: {
        name: 'ci',
        kind: 'machine',
        owner: of.personName,
        purpose: 'x',
        forMs: 60_000,
        key: publicPem,
      },
    },
  ],
  workDone: (of) => [{ request: 'POST /v1/vendors/done', body: { name: of.personName } }],
  listLocks: () => [{ request: 'GET /v1/locks' }],
  addLock: (of) => [
    ...both(of, ['person', 'personName', 'machine'], (subject) => lockOn('identity', subject)),
    ...both(of, ['device', 'deviceName'], (subject) => lockOn('device', subject)),
    lockOn('service', of.service),
    lockOn('session', of.session),
    lockOn('credential', of.personKey),
    lockOn('tenant', of.tenant),
  ],
  removeLock: (of) => [{ request: `DELETE /v1/locks/${of.lock}` }],
  listEnrollments: () => [{ request: 'GET /v1/enrollments' }],
  revokeEnrollment: (of) => [{ request: `DELETE /v1/enrollments/${of.enrollment}` }],
  listWindows: () => [{ request: 'GET /v1/windows' }],
  addWindow: (of) =>
    both(of, ['device', 'deviceName'], (device) => ({
      request: 'POST /v1/windows',
      body: { name: 'mine', device, rule: 'DTSTART:20990101T000000Z', lastsMs: 60_000 },
    })),
  removeWindow: (of) => both(of, ['window', 'windowName'], (id) => ({ request: `DELETE /v1/windows/${id}` })),
  listPolicies: () => [{ request: 'GET /v1/policies' }],
  showPolicy: (of) => both(of, ['policy', 'policyNumber'], (id) => ({ request: `GET /v1/policies/${id}` })),
  checkPolicy: () => [],
  testPolicy: () => [],
  applyPolicy: () => [],
  explainPolicy: (of) => [
    { request: `GET /v1/policies/explain?identity=${of.personName}&target=${of.deviceName}&action=exec` },
    { request: `GET /v1/policies/explain?identity=boss&target=${of.deviceName}&action=exec` },
    { request: `GET /v1/policies/explain?identity=boss&target=own&action=exec&request=${of.request}` },
  ],
  whoCan: (of) => [{ request: `GET /v1/policies/who-can?target=${of.deviceName}&action=exec` }],
  could: (of) => [
    { request: `GET /v1/policies/could?identity=${of.person}&target=${of.deviceName}` },
    { request: `GET /v1/policies/could?identity=boss&target=${of.deviceName}` },
  ],
  openSession: (of) => [
    { request: 'POST /v1/sessions', body: { target: of.deviceName, params: exec } },
    { request: 'POST /v1/sessions', body: { target: `${of.deviceName}/db`, params: { kind: 'tcp' } } },
    { request: 'POST /v1/sessions', body: { target: 'own', params: exec, delegation: of.delegation } },
  ],
  awaitDevice: (of) => [
    { request: 'POST /v1/sessions/wait', body: { target: of.deviceName, params: exec, waitMs: 1 } },
  ],
  listSessions: (of) => [
    { request: 'GET /v1/sessions' },
    { request: `GET /v1/sessions?device=${of.device}` },
    { request: `GET /v1/sessions?identity=${of.person}` },
  ],
  showSession: (of) => [{ request: `GET /v1/sessions/${of.session}` }],
  endSession: (of) => [{ request: `POST /v1/sessions/${of.session}/end`, body: {} }],
  fileRequest: (of) => [
    { request: 'POST /v1/requests', body: { target: of.deviceName, forMs: 60_000, reason } },
  ],
  listRequests: () => [{ request: 'GET /v1/requests' }],
  showRequest: (of) => [{ request: `GET /v1/requests/${of.request}` }],
  approveRequest: (of) => [{ request: `POST /v1/requests/${of.request}/approve`, body: { statement: 'x' } }],
  denyRequest: (of) => [{ request: `POST /v1/requests/${of.request}/deny`, body: {} }],
  cancelRequest: (of) => [{ request: `POST /v1/requests/${of.request}/cancel` }],
  beginStepUp: (of) => [{ request: 'POST /v1/step-ups', body: { target: of.deviceName, params: exec } }],
  stepUpState: () => [],
  showStepUp: () => [],
  confirmStepUp: () => [],
  listTickets: () => [{ request: 'GET /v1/tickets' }],
  listApproverSets: () => [{ request: 'GET /v1/approver-sets' }],
  makeApproverSet: (of) =>
    both(of, ['person', 'personName'], (person) => ({
      request: 'POST /v1/approver-sets',
      body: { persons: [person], threshold: 1, forMs: 3_600_000 },
    })),
  showApproverSet: (of) => [{ request: `GET /v1/approver-sets/${of.approverSet}` }],
  signApproverSet: (of) => [
    { request: `POST /v1/approver-sets/${of.approverSet}/sign`, body: { statement: 'x' } },
  ],
  addApproverKey: () => [],
  removeApproverKey: () => [],
  deviceApprovers: (of) => [
    { request: 'POST /v1/device/approvers', body: { check: 'verify', version: Number(of.approverSet) } },
  ],
  // What a device shows is about itself alone: test/flows/break-glass-on-site.test.ts shows another's.
  deviceBreakGlass: () => [],
  deviceBreakGlassReport: () => [],
  deviceBreakGlassStands: (of) => [{ request: `GET /v1/device/break-glass/${of.breakGlass}` }],
  breakGlassKeys: () => [],
  setBreakGlassKeys: () => [
    { request: 'POST /v1/break-glass/keys', body: { need: 2, keys: [], signatures: [] } },
  ],
  openBreakGlass: () => [],
  listBreakGlass: () => [{ request: 'GET /v1/break-glass' }],
  reviewBreakGlass: (of) => [
    { request: `POST /v1/break-glass/${of.breakGlass}/review`, body: { review: reason } },
  ],
  listChanges: () => [{ request: 'GET /v1/changes' }],
  showChange: (of) => [{ request: `GET /v1/changes/${of.change}` }],
  approveChange: (of) => [{ request: `POST /v1/changes/${of.change}/approve` }],
  denyChange: (of) => [{ request: `POST /v1/changes/${of.change}/deny`, body: {} }],
  listNotices: () => [{ request: 'GET /v1/notices' }],
  listDelegations: () => [{ request: 'GET /v1/delegations' }],
  delegate: (of) => [
    delegationTo(of.machineName),
    delegationTo('bot', { targets: [of.deviceName] }),
    delegationTo('bot', { parent: of.delegation }),
  ],
  endDelegation: (of) => [{ request: `DELETE /v1/delegations/${of.delegation}` }],
  listEvents: (of) => [
    { request: 'GET /v1/audit/events?last=500' },
    { request: 'GET /v1/audit/events?allTenants=true' },
    ...both(of, people, (identity) => ({ request: `GET /v1/audit/events?identity=${identity}` })),
    ...both(of, ['device', 'deviceName'], (device) => ({ request: `GET /v1/audit/events?device=${device}` })),
    { request: `GET /v1/audit/events?session=${of.session}` },
  ],
  showEvent: (of) => [{ request: `GET /v1/audit/events/${of.event}` }],
  listLeaves: () => [{ request: 'GET /v1/audit/leaves?fromSeq=1' }],
  logHead: () => [{ request: 'GET /v1/audit/head' }],
  listTenants: () => [{ request: 'GET /v1/tenants' }],
  addTenant: (of) => [{ request: 'POST /v1/tenants', body: { name: of.tenant } }],
  listPasskeys: () => [{ request: 'GET /v1/passkeys' }],
  removePasskey: (of) => [{ request: `DELETE /v1/passkeys/${of.passkey}` }],
  // For browsers alone, or of the caller himself: nothing is named.
  recoveryCodesLeft: () => [],
  beginRecoveryCodes: () => [],
  makeRecoveryCodes: () => [],
  beginAddPasskey: () => [],
  addPasskey: () => [],
  endSignIn: () => [],
  showCode: () => [],
  confirmCode: () => [],
  leaveForCode: () => [],
  returnForCode: () => [],
  beginTotp: () => [],
  confirmTotp: () => [],
  removeTotp: () => [],
  deviceRenew: () => [],
  deviceReceipt: () => [],
  whoami: () => [],
  signInRenew: () => [],
  signOut: () => [],
};

const people: Names = ['person', 'personName', 'machine', 'machineName'];
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();

function both(of: Theirs, names: Names, way: (named: string) => Way): readonly Way[] {
  return names.map((name) => way(of[name]));
}

function lockOn(kind: string, subject: string): Way {
  return { request: 'POST /v1/locks', body: { kind, subject, reason } };
}

function delegationTo(actor: string, more: object = {}): Way {
  const body = { actor, targets: ['own'], actions: ['exec'], forMs: 60_000, ...more };
  return { request: 'POST /v1/delegations', body };
}

function fresh<K extends Parameters<typeof newId>[0]>(kind: K): ReturnType<typeof newId<K>> {
  return newId(kind, randomBytes(16));
}

/** Of the same shape as what is there, and nobody's. */
const nothing: Theirs = {
  device: fresh('dev'),
  deviceName: 'xq-pump-0',
  service: fresh('svc'),
  person: fresh('idn'),
  personName: 'xq-person-0',
  personKey: 'k'.repeat(43),
  machine: fresh('idn'),
  machineName: 'xq-bot-0',
  window: fresh('win'),
  windowName: 'xq-night-0',
  lock: fresh('lck'),
  enrollment: fresh('enr'),
  policy: fresh('pol'),
  policyNumber: '8420',
  session: fresh('ses'),
  request: fresh('req'),
  change: fresh('chg'),
  delegation: fresh('dlg'),
  breakGlass: 'b'.repeat(43),
  approverSet: '8810',
  event: fresh('evt'),
  passkey: 'xq-passkey-0',
  tenant: 'xq-tenant-0',
};

async function personIn(world: ApiWorld, tenant: string, more: Partial<Identity> = {}): Promise<Peer> {
  const { publicKey: own, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const id = fresh('idn');
  const named = { id, kind: 'human', name: 'bo', roles: ['operator'], tenant, createdAt: 0 } as const;
  const identity: Identity = { ...named, ...more };
  const key = { publicKey: own, spki: spkiThumbprint(own) };
  const { chainPem, credential } = await issueCredential(world.ctx, { id, kind: identity.kind, key });
  const changes: Change[] = [
    { put: 'identity', value: identity, rev: 0 },
    { put: 'credential', value: credential, rev: 0 },
  ];
  await world.store.commit({ changes, events: [] });
  const redeemed = { id, name: identity.name, kind: 'human' } as unknown as Peer['redeemed'];
  return { id, name: identity.name, key: privateKey, redeemed, certificate: new X509Certificate(chainPem) };
}

async function fill(world: ApiWorld): Promise<Theirs> {
  const bo = await personIn(world, 'default', { name: 'xq-person-1' });
  const bot = await personIn(world, 'default', { name: 'xq-bot-1', kind: 'machine', purpose: 'x' });
  const { device } = await addDevice(world, 'xq-pump-1');
  const tenant = 'default';
  const identity = fresh('idn');
  const now = world.clock.now();
  const times = { createdAt: now, expiresAt: now + 3_600_000 };
  const scope = { tenant, requester: identity, cnf: 'x', device: device.id, target: 'pump-7', forMs: 60_000 };
  const request = { ...scope, ...times, id: fresh('req'), reason, content: {}, needed: 1, approvals: [] };
  const owned = { tenant, owner: device.owner, createdAt: now };
  const applied = { appliedBy: 'system', appliedAt: now } as const;
  const records = {
    service: { ...owned, id: fresh('svc'), device: device.id, name: 'db', host: '127.0.0.1', port: 5_432 },
    window: {
      ...owned,
      id: fresh('win'),
      name: 'xq-night-1',
      rule: 'DTSTART:20990101T000000Z',
      lastsMs: 60_000,
    },
    lock: lock(),
    policy: { ...applied, id: fresh('pol'), tenant, number: 8_421, files: {}, hash: '' },
    enrollment: { ...enrollment('hash'), expiresAt: now + 60_000 },
    session: session({ device: device.id, state: 'active', mustEndAt: now + 60_000 }),
    change: { id: fresh('chg'), tenant, hash: 'x', askedBy: identity, askedAt: now, expiresAt: now + 60_000 },
    delegation: { ...times, id: fresh('dlg'), tenant, actor: identity, chain: [identity], cnf: 'x' },
    breakglass: { id: 'a'.repeat(43), tenant, identity, target: 'pump-7', reason, forMs: 1, signers: [] },
    passkey: { id: 'xq-passkey-1', identity, name: 'key', createdAt: now },
  };
  world.ctx.locks.add(records.lock);
  const set = {
    version: 8_811,
    broker: 'x',
    threshold: 1,
    rpId: '',
    origins: [],
    persons: [],
    expiresAt: now,
  };
  await world.store.commit({
    changes: [
      {
        put: 'service',
        value: { ...records.service, class: 'workload', purpose: '', reviewBy: now + 60_000 },
      },
      { put: 'window', value: { ...records.window, scope: { kind: 'all' }, createdBy: 'system' } },
      { put: 'lock', value: records.lock },
      { put: 'policy', value: records.policy },
      { put: 'enrollment', value: records.enrollment },
      { put: 'session', value: records.session },
      { put: 'request', value: { ...request, ...pending(now) } },
      { put: 'change', value: { ...records.change, state: 'pending', order: { kind: 'unlock', lock: 'x' } } },
      { put: 'delegation', value: { ...records.delegation, chain: [identity], targets: [], actions: [] } },
      {
        put: 'breakglass',
        value: { ...records.breakglass, request: request.id, openedAt: now, reviewBy: now },
      },
      {
        put: 'approverset',
        value: { id: '8811', tenant, set, signatures: [], createdBy: identity, createdAt: now },
      },
      { put: 'passkey', value: records.passkey as unknown as Extract<Change, { put: 'passkey' }>['value'] },
    ],
    events: [],
  });
  const [event] = await world.store.events({}, { limit: 1 });
  return {
    device: device.id,
    deviceName: 'xq-pump-1',
    service: records.service.id,
    person: bo.id,
    personName: 'xq-person-1',
    personKey: spkiThumbprint(bo.certificate.publicKey),
    machine: bot.id,
    machineName: 'xq-bot-1',
    window: records.window.id,
    windowName: 'xq-night-1',
    lock: records.lock.id,
    enrollment: records.enrollment.id,
    policy: records.policy.id,
    policyNumber: '8421',
    session: records.session.id,
    request: request.id,
    change: records.change.id,
    delegation: records.delegation.id,
    breakGlass: records.breakglass.id,
    approverSet: '8811',
    event: event?.id ?? '',
    passkey: records.passkey.id,
    tenant: 'xq-tenant-1',
  };
}

function pending(now: number) {
  return { state: 'pending', actions: ['exec'], startAt: now, usableUntil: now + 60_000 } as const;
}

const source: TicketSource = {
  tenant: 'default',
  webhook: { secret: Buffer.alloc(32), signature: 'standard' },
  ticket: '/key',
  status: '/status',
  open: ['open'],
  covers: '/covers',
};

const mayKnow = '@id("know") permit (principal, action == Action::"discover", resource);';
const anybody = '@id("any") permit (principal, action, resource);';

async function tenantOf(world: ApiWorld, name: string): Promise<Peer> {
  const made = await world.call<{ invite: Invited }>(world.admin, 'POST /v1/tenants', {
    body: { name, admin: 'boss' },
  });
  assert.equal(made.status, 200, made.text);
  return await redeemAs(world, made.body.invite.token);
}

/** An answer without what was asked for, and without the number of the request. */
function bare(text: string, of: Theirs): string {
  let left = text.replaceAll(/urn:sallyport:request:[\w-]+/g, '');
  for (const value of Object.values(of)) left = left.replaceAll(String(value), '…');
  return left;
}

function ids(of: Theirs): readonly string[] {
  return Object.values(of).filter((value: string) => /^[a-z]{3}_/.test(value));
}

describe('I10 R-071 across tenants', () => {
  let world: ApiWorld;
  let theirs: Theirs;
  let callers: readonly Peer[];

  before(async () => {
    world = await makeApiWorld();
    theirs = await fill(world);
    await tenantOf(world, theirs.tenant);
    const boss = await tenantOf(world, 'acme');
    usePolicy(world, anybody, 'acme');
    // Where changes wait for a second administrator, what is not there waits for nobody.
    Object.assign(world.ctx.broker, { fourEyes: true });
    await personIn(world, 'acme', { name: 'second', roles: ['administrator'] });
    const bot = await personIn(world, 'acme', { name: 'bot', kind: 'machine', roles: ['administrator'] });
    const own = await join({ ...world, admin: boss }, 'own');
    callers = [boss, bot, own];
  });
  after(() => world.close());

  for (const [name, of] of Object.entries(ways)) {
    test(`${name} answers of theirs as of what never was`, async () => {
      const [asked, other] = [of(theirs), of(nothing)];
      for (const caller of callers) {
        for (const [index, way] of asked.entries()) {
          const missing = other[index];
          assert.ok(missing);
          const expected = await world.call(caller, missing.request, { body: missing.body });
          const got = await world.call(caller, way.request, { body: way.body });
          const where = `${caller.name}: ${way.request} ${JSON.stringify(way.body ?? '')}`;
          assert.equal(got.status, expected.status, `${where}\n${got.text}\n${expected.text}`);
          assert.notEqual(got.status, 500, where);
          // What was made has an id of its own; and the log grows while it is read.
          if (got.status === 200 && (name === 'listEvents' || way.request.startsWith('POST'))) {
            for (const id of ids(theirs))
              assert.ok(way.request.includes(id) || !got.text.includes(id), where);
            continue;
          }
          assert.equal(bare(got.text, theirs), bare(expected.text, nothing), where);
        }
      }
    });
  }

  test('and what is theirs is all still there', async () => {
    for (const request of [
      `GET /v1/devices/${theirs.device}`,
      `GET /v1/identities/${theirs.person}`,
      `GET /v1/identities/${theirs.machine}`,
      `GET /v1/policies/${theirs.policy}`,
      `GET /v1/sessions/${theirs.session}`,
      `GET /v1/audit/events/${theirs.event}`,
      `GET /v1/approver-sets/${theirs.approverSet}`,
    ]) {
      assert.equal((await world.call(world.admin, request)).status, 200, request);
    }
    for (const kind of [
      'lock',
      'enrollment',
      'window',
      'request',
      'change',
      'delegation',
      'service',
    ] as const)
      assert.ok(await world.store.get(kind, theirs[kind]), kind);
    assert.equal((await world.store.get('session', theirs.session))?.value.state, 'active');
  });
});

describe('two tenants with the same names', () => {
  let world: ApiWorld;
  let boss: Peer;
  let ours: LinkedDevice;
  let theirs: LinkedDevice;

  before(async () => {
    world = await makeApiWorld(null, { ticketSources: new Map([['jira', source]]) });
    boss = await tenantOf(world, 'acme');
    ours = await addDevice(world, 'pump-7');
    theirs = await addDevice(world, 'pump-7', 'lyon', 'acme');
  });
  after(() => world.close());

  const opened = async (peer: Peer, more: object = {}) =>
    await world.call<{ session: { id: string }; code: string }>(peer, 'POST /v1/sessions', {
      body: { target: 'pump-7', params: exec, ...more },
    });
  const apply = async (peer: Peer, text: string): Promise<void> => {
    const reply = await world.call(peer, 'POST /v1/policies', { body: { files: { 'a.cedar': text } } });
    assert.equal(reply.status, 200, reply.text);
    assert.equal(reply.body['tenant'], undefined);
  };

  test('R-071 what one applies decides nothing of the other, and each counts its own revisions', async () => {
    await apply(world.admin, anybody);
    assert.equal((await opened(world.admin)).status, 200);
    assert.equal((await opened(boss)).body.code, 'not_found', 'nothing lets him know of it');
    await apply(boss, anybody);
    assert.equal((await opened(boss)).status, 200);
    const revision = await world.call(boss, 'GET /v1/policies/current');
    assert.equal(revision.body['number'], 1);
    await apply(boss, mayKnow);
    assert.equal((await opened(boss)).body.code, 'denied');
    assert.equal((await opened(world.admin)).status, 200);
    await apply(boss, anybody);
  });

  test('a name is each one’s own; a session is on the own device', async () => {
    for (const [peer, { device }] of [
      [world.admin, ours],
      [boss, theirs],
    ] as const) {
      const { body } = await opened(peer);
      assert.equal((await world.store.get('session', body.session.id))?.value.device, device.id);
    }
    const invited = await world.call(boss, 'POST /v1/identities/invitations', { body: { name: 'admin' } });
    assert.equal(invited.status, 200, 'the broker’s own "admin" takes nobody’s name');
  });

  test('a role, a firm and a ticket that one locks are not the other’s', async () => {
    const bo = await personIn(world, 'acme', { name: 'eve', vendor: 'Turbines' });
    assert.equal((await opened(bo)).status, 200);
    for (const [kind, subject] of [
      ['role', 'operator'],
      ['vendor', 'Turbines'],
    ] as const) {
      const locked = await world.call<{ lock: { id: string } }>(world.admin, 'POST /v1/locks', {
        body: { kind, subject, reason },
      });
      assert.equal(locked.status, 200, locked.text);
      assert.equal((await opened(bo)).status, 200, kind);
      await world.call(world.admin, `DELETE /v1/locks/${locked.body.lock.id}`);
      const own = await world.call<{ lock: { id: string } }>(boss, 'POST /v1/locks', {
        body: { kind, subject, reason },
      });
      assert.equal((await opened(bo)).body.code, 'locked', kind);
      await world.call(boss, `DELETE /v1/locks/${own.body.lock.id}`);
    }
  });

  test('nor is a ticket that one locks', async () => {
    const lockOn = async (peer: Peer) =>
      await world.call(peer, 'POST /v1/locks', { body: { kind: 'ticket', subject: 'CHG-9', reason } });
    const session = (await opened(boss, { ticket: 'CHG-9' })).body.session.id;
    assert.deepEqual((await lockOn(world.admin)).body['cut'], []);
    assert.deepEqual((await lockOn(boss)).body['cut'], [session]);
  });

  test('what one applies cuts nothing of the other', async () => {
    const session = (await opened(boss)).body.session.id;
    await apply(world.admin, mayKnow);
    await apply(world.admin, anybody);
    assert.equal((await world.store.get('session', session))?.value.endReason, undefined);
    await apply(boss, mayKnow);
    assert.equal((await world.store.get('session', session))?.value.endReason, 'policy');
    await apply(boss, anybody);
  });

  test('a window and a ticket of one open nothing of the other', async () => {
    await apply(boss, `${mayKnow} @id("w") permit (principal, action, resource) when { context.inWindow };`);
    const day = { rule: 'DTSTART:20291231T000000Z RRULE:FREQ=DAILY', lastsMs: 86_400_000 };
    const add = async (peer: Peer) =>
      await world.call(peer, 'POST /v1/windows', { body: { name: 'always', ...day } });
    assert.equal((await add(world.admin)).status, 200);
    assert.equal((await opened(boss)).body.code, 'denied');
    assert.equal((await add(boss)).status, 200);
    assert.equal((await opened(boss)).status, 200);

    await apply(
      boss,
      `${mayKnow} @id("t") permit (principal, action, resource) when { context has ticket };`,
    );
    const ticket: Ticket = {
      id: 'CHG-1',
      tenant: 'default',
      source: 'jira',
      isOpen: true,
      covers: ['pump-7'],
      changedAt: 0,
    };
    world.ctx.tickets.put(ticket);
    assert.equal((await opened(boss, { ticket: 'CHG-1' })).body.code, 'denied');
    world.ctx.tickets.put({ ...ticket, tenant: 'acme' });
    assert.equal((await opened(boss, { ticket: 'CHG-1' })).status, 200);
    await apply(boss, anybody);
  });

  test('each makes its approver sets, and a device is asked about those of its own', async () => {
    const makes = async (peer: Peer, person: string): Promise<unknown> => {
      const body = { persons: [person], threshold: 1, forMs: 3_600_000 };
      const made = await world.call(peer, 'POST /v1/approver-sets', { body });
      assert.equal(made.status, 200, made.text);
      return made.body['version'];
    };
    const keys = { approverKeys: ['k'.repeat(43)] };
    await personIn(world, 'default', { name: 'ours', ...keys });
    await personIn(world, 'acme', { name: 'theirs', ...keys });
    assert.deepEqual([await makes(world.admin, 'ours'), await makes(boss, 'theirs')], [1, 1]);
    const approvals = { check: 'verify', version: 1 } as const;
    for (const [{ device }, name] of [
      [ours, 'ours'],
      [theirs, 'theirs'],
    ] as const) {
      const check = await deviceCheckOf(world.ctx, { ...device, approvals });
      assert.deepEqual(
        check?.set?.persons.map((person) => person.name),
        [name],
      );
    }
    const listed = await world.call<{ items: { persons: { name: string }[] }[] }>(
      boss,
      'GET /v1/approver-sets',
    );
    assert.deepEqual(
      listed.body.items.map(({ persons }) => persons.map(({ name }) => name)),
      [['theirs']],
    );
  });

  test('each reads the events of its own; the broker’s owner reads all, and exports the one chain', async () => {
    const session = (await opened(boss)).body.session.id;
    const types = async (peer: Peer, more = ''): Promise<readonly unknown[]> => {
      const reply = await world.call<{ items: { type: string }[] }>(
        peer,
        `GET /v1/audit/events?session=${session}${more}`,
      );
      return reply.body.items.map(({ type }) => type);
    };
    assert.deepEqual(await types(boss), ['session.issued']);
    assert.deepEqual(await types(world.admin), []);
    assert.deepEqual(await types(world.admin, '&allTenants=true'), ['session.issued']);
    const [event] = await world.store.events({ session }, { limit: 1 });
    assert.equal(event?.tenant, 'acme');
    for (const request of ['GET /v1/audit/leaves?fromSeq=1', 'GET /v1/audit/head', 'GET /v1/tenants']) {
      assert.equal((await world.call(world.admin, request)).status, 200, request);
      assert.equal((await world.call(boss, request)).status, 403, request);
    }
  });

  test('whoever asks outside of a request is stamped, too: what gate, sweep and device tell', async () => {
    const { id } = (await opened(boss)).body.session;
    await endSession(world.ctx, {
      session: id as SessionId,
      reason: 'exit',
      by: { kind: 'system', id: 'x' },
    });
    const ended = await world.store.events({ session: id, types: ['session.ended'] }, { limit: 1 });
    assert.equal(ended[0]?.tenant, 'acme');
  });

  test('what a ticket system tells is on the log of its tenant, and no other system speaks for the ticket', async () => {
    const told = { changes: [], body: {} };
    const ticket = { source: 'jira', isOpen: true, covers: ['pump-7'], changedAt: 0 };
    await recordTicket(world.ctx, { ...ticket, id: 'OURS-1', tenant: 'default' }, told);
    await recordTicket(world.ctx, { ...ticket, id: 'ACME-1', tenant: 'acme' }, told);
    const changed = { types: ['ticket.changed'] };
    for (const [tenant, id] of [
      ['default', 'OURS-1'],
      ['acme', 'ACME-1'],
    ] as const) {
      const events = await world.store.events({ ...changed, tenant }, { limit: 9 });
      assert.deepEqual(
        events.map(({ body }) => body['ticket']),
        [id],
      );
    }
    const [first] = await world.store.events({ ...changed, tenant: 'default' }, { limit: 1 });
    assert.equal(first?.tenant, undefined, 'of the owner’s it is not said');
    const other = { ...ticket, id: 'OURS-1', tenant: 'acme', source: 'theirs' };
    const refused = recordTicket(inTenant(world.ctx, 'acme'), other, told);
    await assert.rejects(refused, /"OURS-1" is a ticket of another system/);
  });

  test('a lock on a tenant cuts what it has at once, closes its links, and lets nobody of it in', async () => {
    const { id } = (await opened(boss)).body.session;
    const kept = (await opened(world.admin)).body.session.id;
    const before = world.orders.length;
    const locked = await world.call<{ lock: { id: string }; cut: string[] }>(world.admin, 'POST /v1/locks', {
      body: { kind: 'tenant', subject: 'acme', reason: 'not paid' },
    });
    assert.equal(locked.status, 200, locked.text);
    assert.ok(locked.body.cut.includes(id));
    assert.ok(!locked.body.cut.includes(kept));
    assert.equal((await world.store.get('session', id))?.value.endReason, 'lock');
    const closed = world.orders.slice(before).filter(({ type }) => type === 'closeLink');
    assert.deepEqual(closed, [{ type: 'closeLink', link: theirs.link.id, reason: 'lock' }]);
    assert.equal((await world.call(boss, 'GET /v1/whoami')).body['code'], 'locked');
    const lock = await world.call(boss, `DELETE /v1/locks/${locked.body.lock.id}`);
    assert.equal(lock.body['code'], 'locked');
    await world.call(world.admin, `DELETE /v1/locks/${locked.body.lock.id}`);
    assert.equal((await world.call(boss, 'GET /v1/whoami')).body['tenant'], 'acme');
  });

  test('only the broker’s owner makes tenants; the first invite is made again until it is used', async () => {
    const make = async (peer: Peer, name: string) =>
      await world.call<{ invite: Invited }>(peer, 'POST /v1/tenants', { body: { name } });
    assert.equal((await make(boss, 'more')).status, 403);
    const [one, two] = [await make(world.admin, 'more'), await make(world.admin, 'more')];
    assert.equal((await redeem(world, one.body.invite.token)).status, 403);
    const first = await redeemAs(world, two.body.invite.token);
    assert.equal((await world.store.get('identity', first.id))?.value.tenant, 'more');
    for (const name of ['more', 'default']) assert.equal((await make(world.admin, name)).status, 409, name);
    const listed = await world.call<{ items: TenantView[] }>(world.admin, 'GET /v1/tenants');
    assert.deepEqual(
      listed.body.items.map(({ name, waits, devices }) => [name, waits, devices]),
      [
        ['acme', false, 1],
        ['more', false, 0],
      ],
    );
  });

  test('after a start the same holds: what is whose is read from the store', async () => {
    const book = await TenantBook.load(world.store);
    const event = {
      type: 'link.opened',
      actor: { kind: 'system', id: 'x' },
      outcome: 'success',
      body: {},
    } as const;
    const { events } = book.stamp({
      changes: [],
      events: [
        { ...event, device: theirs.device.id },
        { ...event, device: ours.device.id },
      ],
    });
    assert.deepEqual(
      events.map(({ tenant }) => tenant),
      ['acme', undefined],
    );
  });
});
