// An identity as the api shows it.

import type { IdentityView } from '../../api/nouns.ts';
import type { Identity } from '../../core/identity.ts';
import type { AuthorityContext } from '../context.ts';
import { identityName } from './names.ts';
import { iso } from './time-text.ts';

export async function viewIdentity(ctx: AuthorityContext, identity: Identity): Promise<IdentityView> {
  const now = ctx.clock.now();
  const credentials = await ctx.store.list('credential', { holder: identity.id }, { order: 'newest' });
  const usable = credentials.items.filter(
    ({ value }) => value.revokedAt === undefined && value.notAfter >= now,
  );
  return {
    id: identity.id,
    kind: identity.kind,
    name: identity.name,
    roles: [...identity.roles],
    locked: ctx.locks.find({ identity: identity.id, owner: identity.owner }) !== undefined,
    credentials: usable.length,
    ...(identity.owner === undefined
      ? {}
      : { owner: { id: identity.owner, name: await identityName(ctx, identity.owner) } }),
    ...(identity.purpose === undefined ? {} : { purpose: identity.purpose }),
    ...(identity.trust === undefined ? {} : { trust: identity.trust.kind }),
    createdAt: iso(identity.createdAt),
    ...(identity.expiresAt === undefined ? {} : { expiresAt: iso(identity.expiresAt) }),
  };
}
