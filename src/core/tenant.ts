// A tenant: whose an identity, a device or anything between them is. Across tenants the answer is that there
// is no such thing. The broker's owner is the tenant "default", which is never made and never removed.

import type { IdentityId } from './ids.ts';

export interface Tenant {
  /** Its name. */
  readonly id: string;
  readonly createdBy: IdentityId;
  /** Unix ms. */
  readonly createdAt: number;
}

/** Of whoever owns the broker, and of what is said to be of no other one. */
export const defaultTenant = 'default';

/** In a filter of the log: of all of them. No tenant has such a name. */
export const everyTenant = '*';

/** One text for a name in a tenant: names of different tenants never meet. No name has a slash. */
export function nameIn(tenant: string, name: string): string {
  return tenant === defaultTenant ? name : `${tenant}/${name}`;
}

/** Whose a name of nameIn is. */
export function tenantOfName(name: string): string {
  const slash = name.indexOf('/');
  return slash === -1 ? defaultTenant : name.slice(0, slash);
}
