// Use-cases of whoever owns the broker: make a tenant, see which there are. What is in one is its administrators'.

import type { z } from 'zod';
import type { tenantRoutes, TenantView } from '../../api/tenants.ts';
import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { defaultTenant, type Tenant } from '../../core/tenant.ts';
import { identityName } from '../admin/names.ts';
import { actor, type Operator } from '../admin/operator.ts';
import type { PageQuery } from '../../api/problem.ts';
import { storePage, type Paged } from '../admin/page.ts';
import { hasAdministrator } from '../admin/administrators.ts';
import { iso } from '../admin/time-text.ts';
import type { AuthorityContext } from '../context.ts';
import { firstRoles } from '../enroll/first-invite.ts';
import { makeInvite } from '../enroll/make-invite.ts';
import { requireName } from '../enroll/names.ts';
import { StoreConflict } from '../store/store.ts';
import { inTenant } from './in-tenant.ts';

/** Asked again, as long as nobody administers it, it makes another invite. */
export async function addTenant(
  ctx: AuthorityContext,
  caller: Operator,
  body: z.output<typeof tenantRoutes.addTenant.body>,
): Promise<z.input<typeof tenantRoutes.addTenant.response>> {
  const id = requireName(body.name);
  const admin = requireName(body.admin ?? 'admin');
  const own = inTenant(ctx.whole, id);
  const known = (await ctx.store.get('tenant', id))?.value;
  if (id === defaultTenant || (known !== undefined && (await hasAdministrator(own)))) {
    throw new SallyportError('conflict', `there is a tenant "${id}" already`, {
      next: 'choose another name; people are invited by its own administrators',
    });
  }
  const tenant = known ?? (await make(ctx, caller, id));
  const invite = await makeInvite(own, {
    tenant: id,
    kind: 'human',
    name: admin,
    by: actor(caller),
    createdBy: caller.identity.id,
    lifeMs: limits.enrollmentLifeMs,
    extra: { roles: [...firstRoles] },
  });
  return { tenant: await view(ctx, tenant), invite };
}

export async function listTenants(ctx: AuthorityContext, query: PageQuery): Promise<Paged<TenantView>> {
  const listed = await ctx.store.list('tenant', {}, storePage(query));
  const items: TenantView[] = [];
  for (const { value } of listed.items) items.push(await view(ctx, value));
  return { items, ...(listed.next === undefined ? {} : { next: listed.next }) };
}

async function make(ctx: AuthorityContext, caller: Operator, id: string): Promise<Tenant> {
  const count = await ctx.store.count('tenant', {});
  if (count >= limits.tenantsMax) {
    throw new SallyportError('too_large', `there are ${count} tenants already`, {
      next: 'a broker of its own serves more of them',
    });
  }
  const tenant: Tenant = { id, createdBy: caller.identity.id, createdAt: ctx.clock.now() };
  try {
    await ctx.store.commit({
      changes: [{ put: 'tenant', value: tenant, rev: 0 }],
      events: [
        {
          type: 'tenant.created',
          actor: actor(caller),
          outcome: 'success',
          body: { name: id, by: caller.identity.name },
        },
      ],
    });
  } catch (error) {
    if (!(error instanceof StoreConflict)) throw error;
    throw new SallyportError('conflict', `"${id}" was made by somebody else at this moment`, {
      next: 'ask again for an invite of its first administrator',
    });
  }
  return tenant;
}

async function view(ctx: AuthorityContext, { id, createdBy, createdAt }: Tenant): Promise<TenantView> {
  const own = inTenant(ctx.whole, id);
  return {
    name: id,
    createdBy: { id: createdBy, name: await identityName(ctx, createdBy) },
    createdAt: iso(createdAt),
    identities: await own.store.count('identity', {}),
    devices: await own.store.count('device', {}),
    waits: !(await hasAdministrator(own)),
    locked: ctx.locks.find({ tenant: id }) !== undefined,
  };
}
