// Use-case: the identities, for administrators: all of them, those of a firm, or those with something to look at.

import type { z } from 'zod';
import type { identityQuery, IdentityView } from '../../api/nouns.ts';
import type { AuthorityContext } from '../context.ts';
import { viewIdentity } from './identity-view.ts';
import { pageOfKept, type Paged } from './page.ts';

export async function listIdentities(
  ctx: AuthorityContext,
  query: z.output<typeof identityQuery>,
): Promise<Paged<IdentityView>> {
  const { vendor, findings } = query;
  const views = new Map<string, IdentityView>();
  const { kept, next } = await pageOfKept({ store: ctx.store, kind: 'identity' }, query, async (identity) => {
    if (vendor !== undefined && identity.vendor !== vendor) return false;
    const view = await viewIdentity(ctx, identity);
    if (findings === 'true' && view.findings.length === 0) return false;
    views.set(identity.id, view);
    return true;
  });
  const items = kept.flatMap(({ id }) => views.get(id) ?? []);
  return { items, ...(next === undefined ? {} : { next }) };
}
