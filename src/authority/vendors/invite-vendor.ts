// Use-case: somebody from a vendor is invited: never without a firm, a sponsor who is a person of this house, a
// purpose and an end. Whoever was here before comes again for another time, and his sponsor may be another one.

import type { z } from 'zod';
import type { Invited, invitePersonBody } from '../../api/enrollments.ts';
import { formatDuration } from '../../core/duration.ts';
import { SallyportError } from '../../core/errors.ts';
import type { Identity, Role } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { findIdentity, requireOwner } from '../admin/find.ts';
import { actor, type Operator } from '../admin/operator.ts';
import { iso } from '../admin/time-text.ts';
import type { AuthorityContext } from '../context.ts';
import { makeInvite } from '../enroll/make-invite.ts';
import { requireName, requireText } from '../enroll/names.ts';
import { updateRecord } from '../store/update-record.ts';

type Body = z.output<typeof invitePersonBody> & {
  readonly vendor: NonNullable<z.output<typeof invitePersonBody>['vendor']>;
};

interface Visit {
  readonly firm: string;
  readonly sponsor: Identity;
  readonly purpose: string;
  readonly until: number;
}

export async function inviteVendor(ctx: AuthorityContext, caller: Operator, body: Body): Promise<Invited> {
  const name = requireName(body.name);
  requireVendorRoles(body.roles ?? []);
  const visit = await requireVisit(ctx, body.vendor);
  const known = await findIdentity(ctx, name);
  if (known !== undefined) await comesAgain(ctx, caller, { known, visit });
  return await makeInvite(ctx, {
    tenant: caller.identity.tenant,
    kind: 'human',
    name,
    by: actor(caller),
    createdBy: caller.identity.id,
    lifeMs: Math.min(body.forMs ?? limits.enrollmentLifeMs, limits.enrollmentLifeMs, body.vendor.forMs),
    extra:
      known === undefined
        ? {
            roles: ['vendor'],
            owner: visit.sponsor.id,
            purpose: visit.purpose,
            vendor: { name: visit.firm, until: visit.until },
          }
        : { identity: known.id },
  });
}

export function requireVendorRoles(roles: readonly Role[]): void {
  if (roles.every((role) => role === 'vendor')) return;
  throw new SallyportError('invalid', 'whoever comes from a vendor has the role vendor and no other', {
    next: 'leave --role away; policies say what Role::"vendor" may do',
  });
}

async function requireVisit(ctx: AuthorityContext, vendor: Body['vendor']): Promise<Visit> {
  if (vendor.forMs > limits.vendorLifeMaxMs) {
    throw new SallyportError(
      'invalid',
      `somebody from a vendor is known for ${formatDuration(limits.vendorLifeMaxMs)} at most`,
      { next: 'give a shorter --for, and invite him again in time' },
    );
  }
  return {
    firm: requireText(vendor.firm, 'vendor'),
    sponsor: await requireOwner(ctx, vendor.sponsor, 'sponsor'),
    purpose: requireText(vendor.purpose, 'purpose'),
    until: ctx.clock.now() + vendor.forMs,
  };
}

/** A person of this house: no guest answers for a guest. */
async function comesAgain(
  ctx: AuthorityContext,
  caller: Operator,
  { known, visit }: { readonly known: Identity; readonly visit: Visit },
): Promise<void> {
  const { firm, sponsor, purpose, until } = visit;
  if (known.kind !== 'human' || known.vendor !== firm) {
    throw new SallyportError('conflict', `there is a "${known.name}" already, who is not from "${firm}"`, {
      next: 'choose another name',
    });
  }
  await updateRecord(ctx.store, { kind: 'identity', id: known.id }, (value) => ({
    value: { ...value, owner: sponsor.id, purpose, expiresAt: until },
    events: [
      {
        type: 'vendor.extended',
        actor: actor(caller),
        outcome: 'success',
        identity: known.id,
        body: { name: known.name, vendor: firm, sponsor: sponsor.name, purpose, expiresAt: iso(until) },
      },
    ],
  }));
}
