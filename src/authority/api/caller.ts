// Who is calling: from the client certificate to a Caller, checked at every request. In this order: the
// certificate names exactly one peer of this broker, of a kind that the route is for (L4), with a
// credential that we issued and did not revoke, for a device or identity that exists, that no lock stands
// on, and that has the role. Each no is an audit event; none says more than its code.

import type { Route } from '../../api/route.ts';
import { SallyportError, type ErrorCode } from '../../core/errors.ts';
import type { EventActor, EventType } from '../../core/event.ts';
import { parseId } from '../../core/ids.ts';
import type { Credential, Identity } from '../../core/identity.ts';
import { asSubject, type LockSubject } from '../../core/lock.ts';
import { defaultTenant } from '../../core/tenant.ts';
import { printable } from '../../core/printable.ts';
import { peerOf, type Peer } from '../../wire/tls-peer.ts';
import type { AuthorityContext, Caller } from '../context.ts';
import { may } from '../admin/operator.ts';
import { credentialIdOf } from '../enroll/credentials.ts';
import { ownersOnly } from '../tenants/tenant-store.ts';
import { nobody } from './attempts.ts';
import type { Connection } from './connection.ts';
import type { Refusals } from './refusals.ts';

export interface Door {
  readonly name: string;
  readonly route: Route;
  readonly connection: Connection;
}

export interface Refusal {
  readonly type: Extract<EventType, 'auth.failed' | 'api.refused'>;
  readonly code: ErrorCode;
  readonly message: string;
  readonly next?: string;
  /** For the log alone. */
  readonly why: string;
}

/** A locked device still owes the receipts of what was cut from it, and the word of who was let in on site. */
const routesPastLocks: ReadonlySet<string> = new Set(['deviceReceipt', 'deviceBreakGlassReport']);

/** Undefined on public routes. Throws SallyportError after the refusal is on the log. */
export async function callerOf(
  ctx: AuthorityContext,
  refusals: Refusals,
  door: Door,
): Promise<Caller | undefined> {
  if (door.route.who === 'public') return undefined;
  const now = ctx.clock.now();
  const peer = peerOf(door.connection.certificate, { now });
  const found = typeof peer === 'string' ? unauthenticated(peer) : await lookUp(ctx, door, peer);
  return 'code' in found ? await refuse(refusals, door, { refusal: found, actor: actorOf(peer) }) : found;
}

/** Throws it, after it is on the log. */
export async function refuse(
  refusals: Refusals,
  { name, connection }: Door,
  { refusal, actor }: { readonly refusal: Refusal; readonly actor: EventActor },
): Promise<never> {
  const { type, code, message, next, why } = refusal;
  await refusals.note({ type, actor, code, body: { route: name, why } }, connection.sourceIp);
  throw new SallyportError(code, message, next === undefined ? {} : { next });
}

async function lookUp(ctx: AuthorityContext, door: Door, peer: Peer): Promise<Caller | Refusal> {
  const { route } = door;
  if (peer.trustDomain !== ctx.pki.trustDomain || peer.env !== ctx.pki.env) return unauthenticated('foreign');
  if (route.who !== 'public' && !route.who.includes(peer.kind)) {
    return {
      type: 'auth.failed',
      code: 'wrong_kind',
      message: `a certificate of kind "${peer.kind}" cannot be used here`,
      why: 'wrong_kind',
    };
  }
  const credential = (await ctx.store.get('credential', credentialIdOf(peer.serial)))?.value;
  if (credential === undefined || !belongsTo(credential, peer)) return unauthenticated('unknown_credential');
  if (credential.revokedAt !== undefined) return unauthenticated('revoked');
  const common = {
    kind: peer.kind,
    spki: peer.spki,
    serial: peer.serial,
    notAfter: peer.notAfter,
    sourceIp: door.connection.sourceIp,
  };
  const deviceId = parseId('dev', peer.id);
  if (peer.kind === 'device') {
    const device = deviceId === undefined ? undefined : (await ctx.store.get('device', deviceId))?.value;
    if (device === undefined || device.spki !== peer.spki) return unauthenticated('unknown_device');
    return (
      lockedOut(ctx, door, { tenant: device.tenant, device: device.id }) ?? {
        ...common,
        id: device.id,
        tenant: device.tenant,
      }
    );
  }
  const identityId = parseId('idn', peer.id);
  const identity =
    identityId === undefined ? undefined : (await ctx.store.get('identity', identityId))?.value;
  if (identity === undefined || identity.kind !== peer.kind) return unauthenticated('unknown_identity');
  const refusal =
    refusalOf(ctx, door, identity, peer.spki) ?? (route.browser === 'only' ? forBrowsers : undefined);
  return refusal ?? { ...common, id: identity.id, tenant: identity.tenant, identity };
}

/** What keeps an identity out of this route, however it showed who it is. */
export function refusalOf(
  ctx: AuthorityContext,
  door: Door,
  identity: Identity,
  credential?: string,
): Refusal | undefined {
  if (identity.expiresAt !== undefined && identity.expiresAt <= ctx.clock.now())
    return unauthenticated('identity_expired');
  return (
    lockedOut(ctx, door, { ...asSubject(identity), credential }) ??
    withoutRight(ctx, door, identity) ??
    notOwners(door.route, identity)
  );
}

function belongsTo(credential: Credential, peer: Peer): boolean {
  return (
    credential.serial === peer.serial &&
    credential.spki === peer.spki &&
    credential.holder === peer.id &&
    credential.kind === peer.kind
  );
}

function lockedOut(ctx: AuthorityContext, door: Door, subject: LockSubject): Refusal | undefined {
  if (routesPastLocks.has(door.name)) return undefined;
  const lock = ctx.locks.find(subject);
  if (lock === undefined) return undefined;
  return {
    type: 'auth.failed',
    code: 'locked',
    message: `"${subject.device ?? subject.identity ?? ''}" is locked: ${printable(lock.reason)}`,
    next: `an administrator can lift the lock: sallyport unlock ${lock.id}`,
    why: lock.id,
  };
}

/** No route is for whoever has an identity by forgetting to say so. */
function withoutRight(
  ctx: AuthorityContext,
  { route, connection }: Door,
  identity: Identity,
): Refusal | undefined {
  const { role, right } = route;
  if (right === undefined && role === 'any') return undefined;
  const { sourceIp } = connection;
  if (right !== undefined && may(ctx, { identity, sourceIp }, right)) return undefined;
  return {
    type: 'api.refused',
    code: 'forbidden',
    message: `policy does not let you do this: "${right}"`,
    next: `ask an administrator, who sees why by: sallyport policy explain ${identity.name} ${right}`,
    why: `right ${right}`,
  };
}

/** What is the broker's is for whoever owns it, not for the administrators of others. */
function notOwners({ isOwners }: Route, { tenant }: Identity): Refusal | undefined {
  if (isOwners !== true || tenant === defaultTenant) return undefined;
  const { message, next } = ownersOnly();
  return {
    type: 'api.refused',
    code: 'forbidden',
    message,
    ...(next === undefined ? {} : { next }),
    why: 'tenant',
  };
}

function unauthenticated(why: string): Refusal {
  return {
    type: 'auth.failed',
    code: 'unauthenticated',
    message: 'no usable client certificate came with this request',
    next: 'sign in with "sallyport login", or on a device join again with a new invite',
    why,
  };
}

/** A certificate that was stolen must not make itself a passkey. */
const forBrowsers: Refusal = {
  type: 'api.refused',
  code: 'forbidden',
  message: 'this is for browsers that a passkey let in',
  next: 'open the console in a browser',
  why: 'not a browser',
};

function actorOf(peer: Peer | string): EventActor {
  return typeof peer === 'string' ? nobody : { kind: peer.kind, id: peer.id };
}
