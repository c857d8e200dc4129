// Use-cases: the invites that come from the broker itself and not from an administrator: for the very
// first one, and the way back in for whoever holds the data directory.

import { defaultTenant } from '../../core/tenant.ts';
import { isName } from '../../core/device.ts';
import type { Role } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { hasAdministrator } from '../admin/administrators.ts';
import { findIdentity, requireIdentity } from '../admin/find.ts';
import type { AuthorityContext } from '../context.ts';
import { anotherKey, makeInvite, type WantedInvite } from './make-invite.ts';

/** Whoever comes first owns it, and does the daily work as well. */
export const firstRoles = ['owner', 'administrator'] as const satisfies readonly Role[];

/**
 * The invite for the first administrator: undefined as soon as there is one. `broker run` prints it at
 * each start until it is used; the one before stops working.
 */
export async function createFirstInvite(
  ctx: AuthorityContext,
  options: { readonly name?: string } = {},
): Promise<string | undefined> {
  if (await hasAdministrator(ctx)) return undefined;
  return await inviteLocally(ctx, { name: options.name ?? 'admin', extra: { roles: [...firstRoles] } });
}

/** Whoever holds the data directory asks for `name`: the first administrator, or a person who is already here. */
export async function createLocalInvite(
  ctx: AuthorityContext,
  options: { readonly name: string },
): Promise<string> {
  const isKnown = (await findIdentity(ctx, options.name)) !== undefined;
  const first = isKnown || !isName(options.name) ? undefined : await createFirstInvite(ctx, options);
  return first ?? (await createSignInInvite(ctx, options));
}

/**
 * One more key for a person who is already here, made by whoever holds the broker's data directory: the
 * way back in when every administrator's sign-in ran out. Throws not_found for a stranger.
 */
export async function createSignInInvite(
  ctx: AuthorityContext,
  options: { readonly name: string },
): Promise<string> {
  const identity = await requireIdentity(ctx, options.name);
  return await inviteLocally(ctx, { name: identity.name, extra: anotherKey(identity, undefined) });
}

async function inviteLocally(
  ctx: AuthorityContext,
  wanted: Pick<WantedInvite, 'name' | 'extra'>,
): Promise<string> {
  if (!isName(wanted.name)) throw new RangeError(`"${wanted.name}" is not a name`);
  const { token } = await makeInvite(ctx, {
    ...wanted,
    tenant: defaultTenant,
    kind: 'human',
    by: { kind: 'system', id: 'authority' },
    createdBy: 'system',
    lifeMs: limits.enrollmentLifeMs,
  });
  return token;
}
