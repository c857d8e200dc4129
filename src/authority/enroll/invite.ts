// Use-cases: an administrator invites a device, many devices, or a person (make-invite.ts says what an invite
// is).
//
// Inviting a person who is already here gives that person one more key: a second laptop, or the way back
// in after a sign-in ran out.

import type { z } from 'zod';
import type { Invited, inviteDeviceBody, invitePersonBody } from '../../api/enrollments.ts';
import { formatDuration } from '../../core/duration.ts';
import { SallyportError } from '../../core/errors.ts';
import { isNetwork, isPattern, type Fleet } from '../../core/fleet.ts';
import type { Role } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { findIdentity, requireOwner } from '../admin/find.ts';
import { actor, type Operator } from '../admin/operator.ts';
import { requireRank } from '../admin/rank.ts';
import type { AuthorityContext } from '../context.ts';
import { requireLabels, requireName, requireText } from './names.ts';
import { inviteVendor } from '../vendors/invite-vendor.ts';
import { anotherKey, makeInvite } from './make-invite.ts';

export async function inviteDevice(
  ctx: AuthorityContext,
  caller: Operator,
  body: z.output<typeof inviteDeviceBody>,
): Promise<Invited> {
  const fleet = readFleet(body);
  const name = fleet === undefined ? requireName(body.name) : requirePattern(body.name);
  const labels = requireLabels(body.labels ?? {});
  const purpose = requireText(body.purpose ?? '', 'purpose');
  const lifeMs = requireLife(body.forMs, fleet === undefined ? limits.enrollmentLifeMs : limits.fleetLifeMs);
  // a device without somebody who answers for it does not exist; the inviter does, unless told.
  const owner = await requireOwner(ctx, body.owner ?? caller.identity.id);
  if (fleet === undefined && (await ctx.store.find('device', { name })) !== undefined) {
    throw new SallyportError('conflict', `there is a device "${name}" already`, {
      next: `choose another name; or, for another board in its place: sallyport devices replace ${name}`,
    });
  }
  return await makeInvite(ctx, {
    tenant: caller.identity.tenant,
    kind: 'device',
    name,
    by: actor(caller),
    createdBy: caller.identity.id,
    lifeMs,
    extra: { owner: owner.id, labels, purpose, ...(fleet === undefined ? {} : { fleet }) },
  });
}

function readFleet({ count, accept }: z.output<typeof inviteDeviceBody>): Fleet | undefined {
  const wrong = typeof accept === 'string' ? undefined : accept?.find((network) => !isNetwork(network));
  if (wrong !== undefined) {
    throw new SallyportError('invalid', `"${printable(wrong, 80)}" is not a network`, {
      next: 'write it as 192.0.2.0/24, or "all" to accept whoever has the token',
    });
  }
  if (count !== undefined)
    return { count, used: 0, nextNumber: 1, ...(accept === undefined ? {} : { accept }) };
  if (accept === undefined) return undefined;
  throw new SallyportError('invalid', 'a device that is invited by its name needs no rule to be accepted', {
    next: 'leave --accept away, or say with --count for how many devices the token is',
  });
}

function requirePattern(text: string): string {
  if (isPattern(text)) return text;
  throw new SallyportError('invalid', `"${printable(text, 80)}" does not name many devices`, {
    next: 'write one {n} where the number goes, for example "pump-{n}" or "pump-{n:03}"',
  });
}

export async function invitePerson(
  ctx: AuthorityContext,
  caller: Operator,
  body: z.output<typeof invitePersonBody>,
): Promise<Invited> {
  const { vendor } = body;
  if (vendor !== undefined) return await inviteVendor(ctx, caller, { ...body, vendor });
  const name = requireName(body.name);
  const lifeMs = requireLife(body.forMs, limits.enrollmentLifeMs);
  requireHouse(body.roles ?? []);
  const known = await findIdentity(ctx, name);
  if (known?.id !== caller.identity.id)
    await requireRank(ctx, caller, [...(body.roles ?? []), ...(known?.roles ?? [])]);
  return await makeInvite(ctx, {
    tenant: caller.identity.tenant,
    kind: 'human',
    name,
    by: actor(caller),
    createdBy: caller.identity.id,
    lifeMs,
    extra: known === undefined ? { roles: body.roles ?? [] } : anotherKey(known, body.roles),
  });
}

/** Negative test of R-093: nobody comes from a vendor without sponsor and end. */
export function requireHouse(roles: readonly Role[]): void {
  if (!roles.includes('vendor')) return;
  throw new SallyportError(
    'invalid',
    'whoever comes from a vendor needs a firm, a sponsor, a purpose and an end',
    {
      next: 'sallyport identities add NAME --vendor FIRM --sponsor NAME --purpose TEXT --for 8h',
    },
  );
}

export function requireLife(forMs: number | undefined, maxMs: number): number {
  if (forMs === undefined) return maxMs;
  if (forMs <= maxMs) return forMs;
  throw new SallyportError('invalid', `this invite is valid for ${formatDuration(maxMs)} at most`, {
    next: 'use a shorter --for',
  });
}
