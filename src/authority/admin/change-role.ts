// Use-cases: grant a role, revoke a role. Every live session is decided again afterwards, because policies
// may name roles.

import type { z } from 'zod';
import type { IdentityView, roleBody } from '../../api/nouns.ts';
import { SallyportError } from '../../core/errors.ts';
import { isAdministrator, type Identity } from '../../core/identity.ts';
import type { AuthorityContext } from '../context.ts';
import { reviewSessions } from '../sessions/review-sessions.ts';
import type { Change, Stored } from '../store/store.ts';
import { withoutAdministrator } from './administrators.ts';
import { requireIdentity } from './find.ts';
import { requireRank } from './rank.ts';
import { viewIdentity } from './identity-view.ts';
import { actor, type Operator } from './operator.ts';

type Wanted = z.output<typeof roleBody>;

export async function grantRole(
  ctx: AuthorityContext,
  caller: Operator,
  wanted: Wanted,
): Promise<IdentityView> {
  const stored = await gather(ctx, caller, wanted);
  const identity = stored.value;
  if (identity.roles.includes(wanted.role)) return await viewIdentity(ctx, identity);
  // Machines and AI agents never decide about others (design 1.8).
  if ((wanted.role === 'administrator' || wanted.role === 'owner') && identity.kind !== 'human') {
    throw new SallyportError(
      'forbidden',
      `"${identity.name}" is a ${identity.kind}; ${wanted.role}s are people`,
    );
  }
  const next = { ...identity, roles: [...identity.roles, wanted.role] };
  return await record(ctx, { caller, stored, next, wanted, type: 'role.granted', changes: [] });
}

export async function revokeRole(
  ctx: AuthorityContext,
  caller: Operator,
  wanted: Wanted,
): Promise<IdentityView> {
  const stored = await gather(ctx, caller, wanted);
  const identity = stored.value;
  if (!identity.roles.includes(wanted.role)) return await viewIdentity(ctx, identity);
  const next = { ...identity, roles: identity.roles.filter((role) => role !== wanted.role) };
  const changes = isAdministrator(next) ? [] : await withoutAdministrator(ctx, identity);
  return await record(ctx, { caller, stored, next, wanted, type: 'role.revoked', changes });
}

async function gather(ctx: AuthorityContext, caller: Operator, wanted: Wanted): Promise<Stored<Identity>> {
  const { id, name } = await requireIdentity(ctx, wanted.identity);
  const stored = await ctx.store.get('identity', id);
  if (stored === undefined) throw new SallyportError('not_found', `there is no identity "${name}"`);
  await requireRank(ctx, caller, [wanted.role]);
  if (wanted.role === 'vendor' || stored.value.vendor !== undefined) {
    throw new SallyportError('forbidden', `"${name}": the role vendor is nobody's besides another one`, {
      next: 'whoever comes from a vendor is invited as that: sallyport identities add NAME --vendor FIRM …',
    });
  }
  if (stored.value.provider !== undefined) {
    throw new SallyportError('conflict', `the roles of "${name}" are those of his groups at a provider`, {
      next: 'change his groups there, or which roles they have in providers.yaml',
    });
  }
  return stored;
}

interface RoleChange {
  readonly caller: Operator;
  readonly stored: Stored<Identity>;
  readonly next: Identity;
  readonly wanted: Wanted;
  readonly type: 'role.granted' | 'role.revoked';
  readonly changes: readonly Change[];
}

async function record(ctx: AuthorityContext, change: RoleChange): Promise<IdentityView> {
  const { caller, stored, next, wanted, type } = change;
  await ctx.store.commit({
    changes: [{ put: 'identity', value: next, rev: stored.rev }, ...change.changes],
    events: [
      {
        type,
        actor: actor(caller),
        outcome: 'success',
        identity: next.id,
        body: { name: next.name, role: wanted.role, by: caller.identity.name },
      },
    ],
  });
  await reviewSessions(ctx);
  return await viewIdentity(ctx, next);
}
