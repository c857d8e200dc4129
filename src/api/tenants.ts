// Tenants, for whoever owns the broker.

import { z } from 'zod';
import { invited } from './enrollments.ts';
import { name, named, pageOf, pageQuery, time } from './problem.ts';
import { operators, type Route } from './route.ts';

export const tenantView = z.object({
  name: z.string(),
  createdBy: named,
  createdAt: time,
  identities: z.number().int(),
  devices: z.number().int(),
  /** Nobody has redeemed the invite of its first administrator yet. */
  waits: z.boolean(),
  locked: z.boolean(),
});
export type TenantView = z.infer<typeof tenantView>;

export const tenantRoutes = {
  addTenant: {
    method: 'POST',
    path: '/v1/tenants',
    summary: 'Make a tenant, or invite the first administrator of one again',
    who: operators,
    right: 'administerBroker',
    isOwners: true,
    /** `admin`: what the first administrator is called there. */
    body: z.strictObject({ name, admin: name.optional() }),
    response: z.object({ tenant: tenantView, invite: invited }),
  },
  listTenants: {
    method: 'GET',
    path: '/v1/tenants',
    summary: 'Tenants',
    who: operators,
    right: 'inspect',
    isOwners: true,
    query: pageQuery,
    response: pageOf(tenantView),
  },
} as const satisfies Record<string, Route>;
