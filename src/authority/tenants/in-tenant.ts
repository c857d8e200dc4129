// The context of a use-case that acts for one tenant: all that it finds is this tenant's.

import type { AuthorityContext } from '../context.ts';
import { TenantStore } from './tenant-store.ts';

/** `ctx` is the whole authority's. What is renewed in it (keys) is renewed here, too. */
export function inTenant(ctx: AuthorityContext, tenant: string): AuthorityContext {
  return Object.create(ctx, { store: { value: new TenantStore(ctx.store, tenant) } }) as AuthorityContext;
}
