// Use-cases: an administrator invites a device, or a person (make-invite.ts says what an invite is).
//
// Inviting a person who is already here gives that person one more key: a second laptop, or the way back
// in after a sign-in ran out.

import type { z } from 'zod';
import type { Invited, inviteDeviceBody, invitePersonBody } from '../../api/enrollments.ts';
import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { findIdentity, requireIdentity } from '../admin/find.ts';
import { actor, type Operator } from '../admin/operator.ts';
import type { AuthorityContext } from '../context.ts';
import { requireLabels, requireName, requireText } from './names.ts';
import { anotherKey, makeInvite } from './make-invite.ts';

export async function inviteDevice(
  ctx: AuthorityContext,
  caller: Operator,
  body: z.output<typeof inviteDeviceBody>,
): Promise<Invited> {
  const name = requireName(body.name);
  const labels = requireLabels(body.labels ?? {});
  const purpose = requireText(body.purpose ?? '', 'purpose');
  const lifeMs = requireLife(body.forMs);
  // a device without somebody who answers for it does not exist; the inviter does, unless told.
  const owner = body.owner === undefined ? caller.identity : await requireIdentity(ctx, body.owner);
  if (owner.kind !== 'human') {
    throw new SallyportError('invalid', `"${owner.name}" cannot own a device: owners are people`, {
      next: 'name a person with --owner',
    });
  }
  if ((await ctx.store.find('device', { name })) !== undefined) {
    throw new SallyportError('conflict', `there is a device "${name}" already`, {
      next: `choose another name, or remove it first: sallyport devices remove ${name}`,
    });
  }
  return await makeInvite(ctx, {
    kind: 'device',
    name,
    by: actor(caller),
    createdBy: caller.identity.id,
    lifeMs,
    extra: { owner: owner.id, labels, purpose },
  });
}

export async function invitePerson(
  ctx: AuthorityContext,
  caller: Operator,
  body: z.output<typeof invitePersonBody>,
): Promise<Invited> {
  const name = requireName(body.name);
  const lifeMs = requireLife(body.forMs);
  const known = await findIdentity(ctx, name);
  return await makeInvite(ctx, {
    kind: 'human',
    name,
    by: actor(caller),
    createdBy: caller.identity.id,
    lifeMs,
    extra: known === undefined ? { roles: body.roles ?? [] } : anotherKey(known, body.roles),
  });
}

function requireLife(forMs: number | undefined): number {
  if (forMs === undefined) return limits.enrollmentLifeMs;
  if (forMs <= limits.enrollmentLifeMs) return forMs;
  throw new SallyportError('invalid', 'an invite is valid for one hour at most', {
    next: 'use --for 1h or less',
  });
}
