// An authority in one process, for flows: real keys, real policy, the memory store, and a clock that
// jumps. The gate is a list of the orders it was sent; the device and the operator are key pairs.

import { defaultTenant } from '../../src/core/tenant.ts';
import { generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuthorityContext, Caller } from '../../src/authority/context.ts';
import { issueCredential } from '../../src/authority/enroll/credentials.ts';
import { GateBook, type LiveLink } from '../../src/authority/gates/gate-book.ts';
import { loadOrCreateAuthorityKeys } from '../../src/authority/pki/authority-keys.ts';
import { PolicyBook } from '../../src/authority/policy/policy-book.ts';
import { authorizeChannel } from '../../src/authority/sessions/authorize-channel.ts';
import { LiveSessions } from '../../src/authority/sessions/live-sessions.ts';
import { StepUps } from '../../src/authority/passkeys/step-ups.ts';
import { limits } from '../../src/core/limits.ts';
import { LastYes } from '../../src/authority/passkeys/last-yes.ts';
import { OwnTries } from '../../src/authority/api/own-tries.ts';
import { TicketLookUps } from '../../src/authority/tickets/look-up.ts';
import { TicketBook } from '../../src/authority/tickets/ticket-book.ts';
import type { TicketSources } from '../../src/authority/tickets/sources.ts';
import { WindowBook } from '../../src/authority/windows/window-book.ts';
import { LockBook } from '../../src/authority/sessions/lock-book.ts';
import { openSession } from '../../src/authority/sessions/open-session.ts';
import { endOnExpiry } from '../../src/authority/sessions/restore-sessions.ts';
import { openMemoryStore, type MemoryStore } from '../../src/authority/store/memory-store.ts';
import { paramsToJson, type ChannelParams } from '../../src/core/channel.ts';
import type { Device } from '../../src/core/device.ts';
import { newId } from '../../src/core/ids.ts';
import type { Identity } from '../../src/core/identity.ts';
import { canonicalJson, type JsonObject } from '../../src/core/json.ts';
import type { PolicyRevision } from '../../src/core/policy-revision.ts';
import { silentLog } from '../../src/platform/log.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { seededRandom } from '../../src/platform/seeded-random.ts';
import type { ChannelAccepted, Order } from '../../src/wire/control.ts';
import { jsonHash, keyId, signStatement, spkiThumbprint } from '../../src/wire/signed.ts';

export const gateName = 'gate-1';

export const operatorsPolicy = `
@id("see") permit (principal in Role::"operator", action == Action::"discover", resource);
@id("work") @maxSession("1h") @idle("5m")
permit (principal in Role::"operator", action in [Action::"shell", Action::"exec"], resource)
when { resource.hasTag("site") && resource.getTag("site") == "lyon" };
`;

export interface World {
  readonly ctx: AuthorityContext;
  readonly store: MemoryStore;
  readonly clock: ManualClock;
  readonly orders: Order[];
  close(): Promise<void>;
}

export async function makeWorld(
  policyText: string | null = operatorsPolicy,
  ticketSources: TicketSources = new Map(),
  now?: number,
): Promise<World> {
  const clock = new ManualClock(now === undefined ? {} : { now });
  const random = seededRandom('flows');
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-flow-'));
  const pki = await loadOrCreateAuthorityKeys({
    dir: join(dir, 'keys'),
    clock,
    random,
    trustDomain: 'example.com',
    env: 'test',
  });
  const store = await openMemoryStore({ clock, random, log: silentLog });
  const orders: Order[] = [];
  const ctx: AuthorityContext = {
    get whole() {
      return ctx;
    },
    store,
    clock,
    random,
    log: silentLog,
    policy: new PolicyBook(),
    pki,
    locks: new LockBook(clock),
    windows: new WindowBook(clock),
    stepUps: new StepUps(clock),
    lookUps: new TicketLookUps(clock),
    codes: new LastYes(clock),
    codeTries: new OwnTries(clock, 'codes', limits.totpTriesPerMinute),
    passkeyTries: new OwnTries(clock, 'passkeys', limits.ownTriesPerMinute),
    breakGlassTries: new OwnTries(clock, 'sealed requests', limits.ownTriesPerMinute),
    tickets: new TicketBook(clock, ticketSources),
    sessions: new LiveSessions(clock),
    gates: new GateBook(),
    broker: {
      name: 'gate.example.com',
      version: '0',
      address: 'gate.example.com:7443',
      also: [],
      stateEpoch: 1,
      fourEyes: false,
      signInMs: 16 * 3_600_000,
      console: { host: 'gate.example.com', origin: 'https://gate.example.com:7443' },
    },
  };
  ctx.gates.connect(gateName, (order) => orders.push(order) > 0);
  endOnExpiry(ctx);
  const world: World = {
    ctx,
    store,
    clock,
    orders,
    async close() {
      ctx.policy.close();
      await store.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  if (policyText !== null) usePolicy(world, policyText);
  return world;
}

let revisions = 0;

export function usePolicy(world: World, text: string, tenant = defaultTenant): void {
  revisions += 1;
  const revision: PolicyRevision = {
    id: newId('pol', world.ctx.random.bytes(16)),
    tenant,
    number: revisions,
    files: { 'a.cedar': text },
    hash: `hash-${revisions}`,
    appliedBy: 'system',
    appliedAt: world.clock.now(),
  };
  world.ctx.policy.load(revision);
}

export interface Person {
  readonly identity: Identity;
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
  readonly caller: Caller;
  /** DER, base64url, as the gate passes it on. */
  readonly certificate: string;
}

export async function addPerson(
  world: World,
  name: string,
  roles: Identity['roles'] = ['operator'],
  tenant = 'default',
): Promise<Person> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const identity: Identity = {
    id: newId('idn', world.ctx.random.bytes(16)),
    kind: 'human',
    name,
    roles,
    tenant,
    createdAt: world.clock.now(),
  };
  await world.store.commit({ changes: [{ put: 'identity', value: identity, rev: 0 }], events: [] });
  const caller: Caller = {
    kind: 'human',
    id: identity.id,
    tenant: identity.tenant,
    spki: spkiThumbprint(publicKey),
    serial: '01',
    notAfter: world.clock.now() + 12 * 3_600_000,
    identity,
    sourceIp: '192.0.2.7',
  };
  const key = { publicKey, spki: caller.spki };
  const { chainPem } = await issueCredential(world.ctx, { id: identity.id, kind: 'human', key });
  const certificate = new X509Certificate(chainPem).raw.toString('base64url');
  return { identity, key: privateKey, publicKey, caller, certificate };
}

export interface LinkedDevice {
  readonly device: Device;
  readonly key: KeyObject;
  readonly caller: Caller;
  readonly link: LiveLink;
}

export async function addDevice(
  world: World,
  name: string,
  site = 'lyon',
  tenant = 'default',
): Promise<LinkedDevice> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const id = newId('dev', world.ctx.random.bytes(16));
  const device: Device = {
    id,
    name,
    owner: newId('idn', world.ctx.random.bytes(16)),
    purpose: 'pump',
    labels: { site },
    tenant,
    spki: spkiThumbprint(publicKey),
    publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64url'),
    linkEpoch: 1,
    createdAt: world.clock.now(),
    renewal: { n: 1, expected: 'x' },
  };
  await world.store.commit({ changes: [{ put: 'device', value: device, rev: 0 }], events: [] });
  const link: LiveLink = {
    id: newId('lnk', world.ctx.random.bytes(16)),
    tenant: device.tenant,
    device: id,
    deviceName: name,
    gate: gateName,
    linkNonce: `nonce-of-${name}`,
    linkEpoch: 1,
    agentVersion: '0',
    linkedAt: world.clock.now(),
    sessions: new Set(),
    leaseSeq: 0,
  };
  world.ctx.gates.addLink(link);
  const caller: Caller = {
    kind: 'device',
    id,
    tenant: device.tenant,
    spki: device.spki,
    serial: '02',
    notAfter: world.clock.now() + 3_600_000,
    sourceIp: '192.0.2.9',
  };
  return { device, key: privateKey, caller, link };
}

export const execTrue: ChannelParams = { kind: 'exec', argv: ['true'], env: {} };

export async function open(
  world: World,
  person: Person,
  target: string,
  params: ChannelParams = execTrue,
): ReturnType<typeof openSession> {
  return await openSession(world.ctx, person.caller, {
    target,
    params: paramsToJson(params),
  });
}

export interface ChannelAsk {
  readonly session: string;
  readonly target: string;
  readonly linkNonce: string;
  readonly params?: ChannelParams;
  readonly n?: number;
  /** What is sent instead of what was signed. */
  readonly sentParams?: ChannelParams;
  readonly signed?: JsonObject;
  readonly gate?: string;
  /** Whose connection it comes by; the signer's own, unless told. */
  readonly connectedAs?: Person;
}

/** The operator signs an open and the gate asks for the channel. */
export async function channel(world: World, person: Person, ask: ChannelAsk): Promise<ChannelAccepted> {
  const params = ask.params ?? execTrue;
  const statement = signStatement(
    'open',
    {
      session: ask.session,
      n: ask.n ?? 1,
      kind: params.kind,
      target: ask.target,
      paramsHash: jsonHash(paramsToJson(params)),
      linkNonce: ask.linkNonce,
      spki: person.publicKey.export({ type: 'spki', format: 'der' }).toString('base64url'),
      ...ask.signed,
    },
    { kid: keyId(person.publicKey), privateKey: person.key },
  );
  return await authorizeChannel(world.ctx, ask.gate ?? gateName, {
    session: ask.session,
    certificate: (ask.connectedAs ?? person).certificate,
    open: statement,
    params: canonicalJson(paramsToJson(ask.sentParams ?? params)),
    remoteAddress: '192.0.2.7',
  });
}

/** Types of the events on the log, in order. */
export async function logged(world: World): Promise<readonly string[]> {
  return (await world.store.events({}, { limit: 1_000 })).map((event) =>
    event.code === undefined ? event.type : `${event.type}(${event.code})`,
  );
}

/** Lets promise callbacks that are already due run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
