// What a redeemed enrollment makes: a device, a person, or one more key for a person who is here. Nothing
// is written here: redeem.ts commits all of it at once, together with the used token.

import type { Redeemed } from '../../api/enrollments.ts';
import type { Device } from '../../core/device.ts';
import type { EventDraft } from '../../core/event.ts';
import { newId } from '../../core/ids.ts';
import type { Enrollment, Identity } from '../../core/identity.ts';
import { spkiOf } from '../../platform/keys.ts';
import { sha256 } from '../../wire/signed.ts';
import type { AuthorityContext } from '../context.ts';
import type { Change } from '../store/store.ts';
import { issueCredential, type CsrKey, type IssuedCredential } from './credentials.ts';
import { TokenFault } from './token-fault.ts';

const tenant = 'default';
const renewalSecretBytes = 32;

export interface Holding {
  readonly answer: Pick<Redeemed, 'kind' | 'id' | 'name' | 'roles' | 'renewal'>;
  readonly issued: IssuedCredential;
  readonly changes: readonly Change[];
  readonly events: readonly EventDraft[];
}

/** Throws TokenFault where the enrollment cannot be honoured any more. */
export async function newHolder(
  ctx: AuthorityContext,
  enrollment: Enrollment,
  key: CsrKey,
): Promise<Holding> {
  if (enrollment.kind === 'device') return await newDevice(ctx, enrollment, key);
  if (enrollment.identity === undefined) return await newPerson(ctx, enrollment, key);
  return await moreKeys(ctx, { enrollment, identity: enrollment.identity, key });
}

async function newDevice(ctx: AuthorityContext, enrollment: Enrollment, key: CsrKey): Promise<Holding> {
  const owner = enrollment.owner && (await ctx.store.get('identity', enrollment.owner));
  if (owner === undefined) throw new TokenFault(`the owner of ${enrollment.id} is gone`);
  const id = newId('dev', ctx.random.bytes(16));
  const secret = Buffer.from(ctx.random.bytes(renewalSecretBytes)).toString('base64url');
  const issued = await issueCredential(ctx, { id, kind: 'device', key });
  const device: Device = {
    id,
    name: enrollment.name,
    owner: owner.value.id,
    purpose: enrollment.purpose ?? '',
    labels: enrollment.labels ?? {},
    tenant: owner.value.tenant,
    spki: key.spki,
    publicKey: spkiOf(key.publicKey).toString('base64url'),
    linkEpoch: 0,
    createdAt: ctx.clock.now(),
    renewal: { n: 1, expected: sha256(secret) },
  };
  return {
    answer: { kind: 'device', id, name: device.name, renewal: { n: 1, secret } },
    issued,
    changes: [{ put: 'device', value: device, rev: 0 }],
    events: [
      {
        type: 'device.joined',
        actor: { kind: 'device', id },
        outcome: 'success',
        device: id,
        body: { name: device.name, owner: device.owner, labels: device.labels, purpose: device.purpose },
      },
    ],
  };
}

async function newPerson(ctx: AuthorityContext, enrollment: Enrollment, key: CsrKey): Promise<Holding> {
  const id = newId('idn', ctx.random.bytes(16));
  const issued = await issueCredential(ctx, { id, kind: 'human', key });
  const roles = enrollment.roles ?? [];
  const identity: Identity = {
    id,
    kind: 'human',
    name: enrollment.name,
    roles,
    tenant,
    ...(enrollment.createdBy === 'system' ? {} : { invitedBy: enrollment.createdBy }),
    createdAt: ctx.clock.now(),
  };
  return {
    answer: { kind: 'human', id, name: identity.name, roles: [...roles] },
    issued,
    changes: [{ put: 'identity', value: identity, rev: 0 }],
    events: [
      {
        type: 'identity.created',
        actor: { kind: 'human', id },
        outcome: 'success',
        identity: id,
        body: { name: identity.name, roles },
      },
    ],
  };
}

/** One more key for somebody who is here already: nothing but the credential is new. */
async function moreKeys(
  ctx: AuthorityContext,
  wanted: { readonly enrollment: Enrollment; readonly identity: Identity['id']; readonly key: CsrKey },
): Promise<Holding> {
  const identity = (await ctx.store.get('identity', wanted.identity))?.value;
  if (identity === undefined) throw new TokenFault(`the identity of ${wanted.enrollment.id} is gone`);
  if (ctx.locks.find({ identity: identity.id }) !== undefined) {
    throw new TokenFault(`the identity of ${wanted.enrollment.id} is locked`, 'locked');
  }
  const until = identity.expiresAt === undefined ? {} : { until: identity.expiresAt };
  const issued = await issueCredential(ctx, { id: identity.id, kind: 'human', key: wanted.key, ...until });
  return {
    answer: { kind: 'human', id: identity.id, name: identity.name, roles: [...identity.roles] },
    issued,
    changes: [],
    events: [],
  };
}
