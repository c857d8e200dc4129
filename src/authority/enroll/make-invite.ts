// What every invite is made of: an enrollment record and a token that is shown once, bound to a name. A
// newer invite for the same name replaces the older one, so a lost token is worth nothing.

import type { Invited } from '../../api/enrollments.ts';
import { enrollLink } from '../../core/broker-config.ts';
import { SallyportError } from '../../core/errors.ts';
import type { EventActor } from '../../core/event.ts';
import { newId } from '../../core/ids.ts';
import type { Fleet } from '../../core/fleet.ts';
import { usesLeft, type Enrollment, type Identity, type Role } from '../../core/identity.ts';
import type { JsonObject } from '../../core/json.ts';
import { eachRecord } from '../admin/each-record.ts';
import type { AuthorityContext } from '../context.ts';
import type { Change } from '../store/store.ts';
import { newToken, tokenHash } from './token.ts';

/** Replaced and outdated invites removed together with a new one: a bound for one commit. */
const removedAtOnce = 200;

export interface WantedInvite {
  readonly tenant: string;
  readonly kind: Enrollment['kind'];
  readonly name: string;
  readonly by: EventActor;
  readonly createdBy: Enrollment['createdBy'];
  readonly lifeMs: number;
  readonly extra: Partial<
    Pick<Enrollment, 'owner' | 'labels' | 'purpose' | 'roles' | 'vendor' | 'identity' | 'fleet' | 'replaces'>
  >;
}

export async function makeInvite(ctx: AuthorityContext, wanted: WantedInvite): Promise<Invited> {
  const now = ctx.clock.now();
  const { console } = ctx.broker;
  const token = newToken(ctx.random, { kind: wanted.kind, rootFingerprint: ctx.pki.rootFingerprint });
  const hash = tokenHash(token);
  if (hash === undefined) throw new Error('a new token does not read back');
  const enrollment: Enrollment = {
    id: newId('enr', ctx.random.bytes(16)),
    tenant: wanted.tenant,
    kind: wanted.kind,
    tokenHash: hash,
    name: wanted.name,
    ...wanted.extra,
    createdBy: wanted.createdBy,
    createdAt: now,
    expiresAt: now + wanted.lifeMs,
  };
  await ctx.store.commit({
    changes: [...(await replaced(ctx, enrollment)), { put: 'enrollment', value: enrollment, rev: 0 }],
    events: [
      {
        type: 'enrollment.created',
        actor: wanted.by,
        outcome: 'success',
        ...(enrollment.identity === undefined ? {} : { identity: enrollment.identity }),
        body: {
          enrollment: enrollment.id,
          kind: enrollment.kind,
          name: enrollment.name,
          expiresAt: new Date(enrollment.expiresAt).toISOString(),
          ...(enrollment.owner === undefined ? {} : { owner: enrollment.owner }),
          ...(enrollment.labels === undefined ? {} : { labels: enrollment.labels }),
          ...(enrollment.roles === undefined ? {} : { roles: enrollment.roles }),
          ...(enrollment.vendor === undefined ? {} : { vendor: enrollment.vendor.name }),
          ...(enrollment.fleet === undefined ? {} : fleetFacts(enrollment.fleet)),
          ...(enrollment.replaces === undefined ? {} : { replaces: enrollment.replaces }),
        },
      },
    ],
  });
  return {
    id: enrollment.id,
    name: enrollment.name,
    token,
    ...(wanted.kind === 'human' && console !== undefined ? { link: enrollLink(console.origin, token) } : {}),
    expiresAt: new Date(enrollment.expiresAt).toISOString(),
  };
}

function fleetFacts({ count, accept }: Fleet): JsonObject {
  return { count, accept: accept === undefined ? 'nobody' : accept === 'all' ? 'all' : [...accept] };
}

/** Older invites for the same name, and what is used up or expired anyway. */
async function replaced(ctx: AuthorityContext, by: Enrollment): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for await (const { value } of eachRecord(ctx.store, 'enrollment')) {
    const isOver = usesLeft(value) === 0 || value.expiresAt <= by.createdAt;
    // Two sites may well number their devices alike: a token for many stands until it is revoked.
    const isSame = by.fleet === undefined && value.kind === by.kind && value.name === by.name;
    // Whatever became of it meanwhile: another invite may be removing it at this moment.
    if (isOver || isSame) changes.push({ delete: 'enrollment', id: value.id });
    if (changes.length === removedAtOnce) break;
  }
  return changes;
}

/** One more key for somebody who is here already. */
export function anotherKey(known: Identity, roles: readonly Role[] | undefined): Partial<Enrollment> {
  if (known.kind !== 'human') {
    throw new SallyportError('conflict', `"${known.name}" is the name of a ${known.kind}`, {
      next: 'choose another name',
    });
  }
  if (roles !== undefined && roles.length > 0) {
    throw new SallyportError(
      'conflict',
      `"${known.name}" is already here, and an invite does not change roles`,
      {
        next: `leave the roles away for one more key, or: sallyport roles grant ${known.name} ROLE`,
      },
    );
  }
  return { identity: known.id };
}
