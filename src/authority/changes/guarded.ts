// The use-cases that wait for a second administrator (second.ts): what would come to nothing anyway is said at once,
// and what changes nothing about who may do what is done at once.

import type { z } from 'zod';
import type { IdentityView, roleBody } from '../../api/nouns.ts';
import type { Invited, invitePersonBody } from '../../api/enrollments.ts';
import type { breakGlassKeysBody, BreakGlassKeysView } from '../../api/break-glass.ts';
import type { applyBody, RevisionView } from '../../api/policy.ts';
import { SallyportError } from '../../core/errors.ts';
import { isAdministrator } from '../../core/identity.ts';
import { jsonHash } from '../../wire/signed.ts';
import { applyPolicy } from '../admin/apply-policy.ts';
import { grantRole, revokeRole } from '../admin/change-role.ts';
import { findIdentity, requireIdentity } from '../admin/find.ts';
import type { Operator } from '../admin/operator.ts';
import { requireRank } from '../admin/rank.ts';
import type { Offboarding } from '../admin/owned.ts';
import { removeIdentity } from '../admin/remove-identity.ts';
import { removeLock } from '../admin/remove-lock.ts';
import type { AuthorityContext } from '../context.ts';
import { invitePerson } from '../enroll/invite.ts';
import { setKeys } from '../break-glass/keys.ts';
import { checkPolicies } from '../policy/check.ts';
import { hasSecond, throughSecond } from './second.ts';

/** Who decides about others, and who approves. */
const guardedRoles: ReadonlySet<string> = new Set(['owner', 'administrator', 'approver']);

export async function changePolicy(
  ctx: AuthorityContext,
  caller: Operator,
  body: z.output<typeof applyBody>,
): Promise<RevisionView> {
  const apply = async (): Promise<RevisionView> => await applyPolicy(ctx, caller, body);
  const current = ctx.policy.revisionOf(caller.tenant);
  const inForce = current?.number ?? 0;
  const isSame = current?.hash === jsonHash(body.files);
  const isVoid = (body.expect ?? inForce) !== inForce;
  if (isSame || isVoid || !checkPolicies(body.files).ok) return await apply();
  const { files, comment } = body;
  const named = comment === undefined ? {} : { comment };
  return await throughSecond(ctx, caller, { kind: 'policy', files, expect: inForce, ...named }, apply);
}

export async function changeRole(
  ctx: AuthorityContext,
  caller: Operator,
  { kind, wanted }: { readonly kind: 'grant' | 'revoke'; readonly wanted: z.output<typeof roleBody> },
): Promise<IdentityView> {
  const apply = async (): Promise<IdentityView> =>
    await (kind === 'grant' ? grantRole(ctx, caller, wanted) : revokeRole(ctx, caller, wanted));
  if (!guardedRoles.has(wanted.role)) return await apply();
  await requireRank(ctx, caller, [wanted.role]);
  const { id, roles } = await requireIdentity(ctx, wanted.identity);
  if (roles.includes(wanted.role) === (kind === 'grant')) return await apply();
  return await throughSecond(ctx, caller, { kind, identity: id, role: wanted.role }, apply);
}

export async function liftLock(
  ctx: AuthorityContext,
  caller: Operator,
  lock: string,
): Promise<{ readonly done: true }> {
  const apply = async (): Promise<{ readonly done: true }> => await removeLock(ctx, caller, lock);
  if ((await ctx.store.get('lock', lock)) === undefined) return await apply();
  return await throughSecond(ctx, caller, { kind: 'unlock', lock }, apply);
}

export async function offboard(
  ctx: AuthorityContext,
  caller: Operator,
  { identity, ...offboarding }: { readonly identity: string } & Offboarding,
): Promise<{ readonly done: true }> {
  const apply = async (): Promise<{ readonly done: true }> =>
    await removeIdentity(ctx, caller, identity, offboarding);
  const found = await requireIdentity(ctx, identity);
  const { id } = found;
  await requireRank(ctx, caller, found.roles);
  // An administrator who removes the other one would be alone.
  if (!isAdministrator(found)) return await apply();
  const { newOwner, lockOwned } = offboarding;
  const order = {
    kind: 'remove',
    identity: id,
    ...(newOwner === undefined ? {} : { newOwner }),
    ...(lockOwned === undefined ? {} : { lockOwned }),
  } as const;
  return await throughSecond(ctx, caller, order, apply);
}

/** Whoever could set them alone could use them alone. */
export async function changeKeys(
  ctx: AuthorityContext,
  caller: Operator,
  body: z.infer<typeof breakGlassKeysBody>,
): Promise<BreakGlassKeysView> {
  const { need, keys } = body;
  const apply = async (): Promise<BreakGlassKeysView> => await setKeys(ctx, caller, body);
  return await throughSecond(ctx, caller, { kind: 'keys', need, keys }, apply);
}

/**
 * An invite is a secret of who makes it, and waits for nobody: the role comes afterwards. One for somebody who
 * administers or approves would make the inviter him.
 */
export async function invite(
  ctx: AuthorityContext,
  caller: Operator,
  body: z.output<typeof invitePersonBody>,
): Promise<Invited> {
  const known = await findIdentity(ctx, body.name);
  const isOther = known !== undefined && known.id !== caller.identity.id;
  const role = [...(body.roles ?? []), ...(isOther ? known.roles : [])].find((one) => guardedRoles.has(one));
  if (role === undefined || !(await hasSecond(ctx, caller.identity)))
    return await invitePerson(ctx, caller, body);
  throw isOther
    ? new SallyportError(
        'second_needed',
        `a key for "${body.name}", who is ${role}, would be in your hands`,
        {
          next: `he makes it himself, or the broker's owner on its machine: sallyport broker invite ${body.name}`,
        },
      )
    : new SallyportError('second_needed', `an invite as ${role} would wait for a second administrator`, {
        next: `invite without it, then: sallyport roles grant ${body.name} ${role}`,
      });
}
