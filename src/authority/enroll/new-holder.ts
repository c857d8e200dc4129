// What a redeemed enrollment makes: a device, another key for one, a person, or one more key for a person. Nothing
// is written here: redeem.ts commits all of it at once, together with the used token.

import type { Redeemed } from '../../api/enrollments.ts';
import type { Device, RenewalState } from '../../core/device.ts';
import type { EventDraft } from '../../core/event.ts';
import { acceptedBy, nameAt } from '../../core/fleet.ts';
import { newId } from '../../core/ids.ts';
import { nameIn } from '../../core/tenant.ts';
import type { Enrollment, Identity } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { spkiOf } from '../../platform/keys.ts';
import { sha256 } from '../../wire/signed.ts';
import { barredBy } from '../admin/barred.ts';
import type { AuthorityContext } from '../context.ts';
import type { Change } from '../store/store.ts';
import { endSessions } from '../sessions/end-session.ts';
import { issueCredential, revokeCredentials, type CsrKey, type IssuedCredential } from './credentials.ts';
import { TokenFault } from './token-fault.ts';

const renewalSecretBytes = 32;

export interface Holding {
  readonly answer: Pick<Redeemed, 'kind' | 'id' | 'name' | 'roles' | 'renewal' | 'hold'>;
  readonly issued: IssuedCredential;
  readonly changes: readonly Change[];
  readonly events: readonly EventDraft[];
  /** The enrollment after this use. */
  readonly used: Enrollment;
  /** Once it is committed. */
  readonly afterwards?: () => Promise<void>;
}

export interface Newcomer {
  readonly enrollment: Enrollment;
  readonly key: CsrKey;
  readonly sourceIp: string;
}

/** Throws TokenFault where the enrollment cannot be honoured any more. */
export async function newHolder(ctx: AuthorityContext, newcomer: Newcomer): Promise<Holding> {
  const { enrollment, key } = newcomer;
  if (enrollment.replaces !== undefined) return await newKeyOf(ctx, enrollment.replaces, newcomer);
  if (enrollment.kind === 'device') return await newDevice(ctx, newcomer);
  if (enrollment.identity === undefined) return await newPerson(ctx, enrollment, key);
  return await moreKeys(ctx, { enrollment, key });
}

async function newDevice(ctx: AuthorityContext, newcomer: Newcomer): Promise<Holding> {
  const { enrollment, key, sourceIp } = newcomer;
  const owner = enrollment.owner && (await ctx.store.get('identity', enrollment.owner));
  if (owner === undefined) throw new TokenFault(`the owner of ${enrollment.id} is gone`);
  const { name, used } = await nameFor(ctx, enrollment);
  const id = newId('dev', ctx.random.bytes(16));
  const first = firstRenewal(ctx);
  const issued = await issueCredential(ctx, { id, kind: 'device', key });
  const { fleet } = enrollment;
  const rule = fleet === undefined ? 'invited by name' : acceptedBy(fleet.accept, sourceIp);
  const now = ctx.clock.now();
  const device: Device = {
    id,
    name,
    owner: owner.value.id,
    purpose: enrollment.purpose ?? '',
    labels: enrollment.labels ?? {},
    tenant: enrollment.tenant,
    spki: key.spki,
    publicKey: spkiOf(key.publicKey).toString('base64url'),
    linkEpoch: 0,
    createdAt: now,
    renewal: first.state,
    ...(rule === undefined ? { hold: { why: 'pending', since: now } } : {}),
  };
  return {
    answer: {
      kind: 'device',
      id,
      name,
      renewal: first.answer,
      ...(device.hold === undefined ? {} : { hold: device.hold.why }),
    },
    issued,
    changes: [{ put: 'device', value: device, rev: 0 }],
    events: [
      {
        type: 'device.joined',
        actor: { kind: 'device', id },
        outcome: 'success',
        ...(device.hold === undefined ? {} : { code: device.hold.why }),
        device: id,
        body: {
          name,
          owner: device.owner,
          labels: device.labels,
          purpose: device.purpose,
          accepted: rule ?? 'by nobody yet',
        },
      },
    ],
    used,
  };
}

/** Its own; or, of a token for many, the next one that is free. Names that are taken cost no use. */
async function nameFor(
  ctx: AuthorityContext,
  enrollment: Enrollment,
): Promise<{ readonly name: string; readonly used: Enrollment }> {
  const { fleet } = enrollment;
  if (fleet === undefined) return { name: enrollment.name, used: enrollment };
  for (let tried = 0; tried < limits.fleetNamesTriedMax; tried += 1) {
    const number = fleet.nextNumber + tried;
    const name = nameAt(enrollment.name, number);
    if ((await ctx.store.find('device', { name: nameIn(enrollment.tenant, name) })) !== undefined) continue;
    return {
      name,
      used: { ...enrollment, fleet: { ...fleet, used: fleet.used + 1, nextNumber: number + 1 } },
    };
  }
  throw new TokenFault(`the names of ${enrollment.id} are taken`);
}

/** Another board under the same name: the device stays what it is, and its old key is dead. */
async function newKeyOf(
  ctx: AuthorityContext,
  device: Device['id'],
  { enrollment, key, sourceIp }: Newcomer,
): Promise<Holding> {
  const stored = await ctx.store.get('device', device);
  if (stored === undefined) throw new TokenFault(`the device of ${enrollment.id} is gone`);
  if (ctx.locks.find({ tenant: enrollment.tenant, device }) !== undefined) {
    throw new TokenFault(`the device of ${enrollment.id} is locked`, 'locked');
  }
  const first = firstRenewal(ctx);
  const issued = await issueCredential(ctx, { id: device, kind: 'device', key });
  // Whatever the old key was held for: whoever is invited by name is accepted.
  const { hold, ...old } = stored.value;
  const value: Device = {
    ...old,
    spki: key.spki,
    publicKey: spkiOf(key.publicKey).toString('base64url'),
    renewal: first.state,
  };
  const revoked = await revokeCredentials(ctx, { holder: device });
  return {
    answer: { kind: 'device', id: device, name: value.name, renewal: first.answer },
    issued,
    changes: [{ put: 'device', value, rev: stored.rev }, ...revoked],
    events: [
      {
        type: 'device.replaced',
        actor: { kind: 'device', id: device },
        outcome: 'success',
        device,
        body: {
          name: value.name,
          oldSpki: old.spki,
          spki: key.spki,
          ...(hold === undefined ? {} : { wasHeld: hold.why }),
          sourceIp,
        },
      },
    ],
    used: enrollment,
    afterwards: async () => await endAllOf(ctx, device),
  };
}

/** What the old board still carries. */
async function endAllOf(ctx: AuthorityContext, device: Device['id']): Promise<void> {
  const live = ctx.sessions.matching((subject) => subject.device === device);
  const by = { kind: 'system', id: 'authority' } as const;
  await endSessions(ctx, [...live], { reason: 'device_gone', by, detail: 'another board took its place' });
  ctx.gates.closeLinkOf(device, 'superseded');
}

function firstRenewal(ctx: AuthorityContext): {
  readonly state: RenewalState;
  readonly answer: { readonly n: number; readonly secret: string };
} {
  const secret = Buffer.from(ctx.random.bytes(renewalSecretBytes)).toString('base64url');
  return { state: { n: 1, expected: sha256(secret) }, answer: { n: 1, secret } };
}

async function newPerson(ctx: AuthorityContext, enrollment: Enrollment, key: CsrKey): Promise<Holding> {
  const id = newId('idn', ctx.random.bytes(16));
  const issued = await issueCredential(ctx, { id, kind: 'human', key });
  const { identity, change, event } = personOf(ctx, enrollment, id);
  return {
    answer: { kind: 'human', id, name: identity.name, roles: [...identity.roles] },
    used: enrollment,
    issued,
    changes: [change],
    events: [event],
  };
}

/** The person whom an invite makes. */
export function personOf(
  ctx: AuthorityContext,
  enrollment: Enrollment,
  id: Identity['id'],
): { readonly identity: Identity; readonly change: Change; readonly event: EventDraft } {
  const { roles = [], vendor, owner, purpose } = enrollment;
  const identity: Identity = {
    id,
    kind: 'human',
    name: enrollment.name,
    roles,
    tenant: enrollment.tenant,
    ...(enrollment.createdBy === 'system' ? {} : { invitedBy: enrollment.createdBy }),
    ...(vendor === undefined
      ? {}
      : {
          vendor: vendor.name,
          expiresAt: vendor.until,
          ...(owner === undefined ? {} : { owner }),
          ...(purpose === undefined ? {} : { purpose }),
        }),
    createdAt: ctx.clock.now(),
  };
  return {
    identity,
    change: { put: 'identity', value: identity, rev: 0 },
    event: {
      type: 'identity.created',
      actor: { kind: 'human', id },
      outcome: 'success',
      identity: id,
      body: { name: identity.name, roles, ...(vendor === undefined ? {} : { vendor: vendor.name }) },
    },
  };
}

/** Somebody who is here already, and gets another key. */
export async function requireKnownPerson(
  ctx: AuthorityContext,
  { id, identity: known }: Pick<Enrollment, 'id' | 'identity'>,
): Promise<Identity> {
  const identity = known === undefined ? undefined : (await ctx.store.get('identity', known))?.value;
  if (identity === undefined) throw new TokenFault(`the identity of ${id} is gone`);
  const barred = barredBy(ctx, identity);
  if (barred === 'expired') throw new TokenFault(`the identity of ${id} has expired`);
  if (barred !== undefined) throw new TokenFault(`the identity of ${id} is locked`, 'locked');
  return identity;
}

/** One more key for somebody who is here already: nothing but the credential is new. */
async function moreKeys(
  ctx: AuthorityContext,
  wanted: { readonly enrollment: Enrollment; readonly key: CsrKey },
): Promise<Holding> {
  const identity = await requireKnownPerson(ctx, wanted.enrollment);
  const until = identity.expiresAt === undefined ? {} : { until: identity.expiresAt };
  const issued = await issueCredential(ctx, { id: identity.id, kind: 'human', key: wanted.key, ...until });
  return {
    answer: { kind: 'human', id: identity.id, name: identity.name, roles: [...identity.roles] },
    used: wanted.enrollment,
    issued,
    changes: [],
    events: [],
  };
}
