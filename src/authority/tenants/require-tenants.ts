// Files of the data directory may name tenants. One that is not there would be a slip that nobody sees.

import { SallyportError } from '../../core/errors.ts';
import { defaultTenant } from '../../core/tenant.ts';
import type { Store } from '../store/store.ts';

/** Throws `invalid`, with the file and what to do. */
export async function requireTenants(
  store: Store,
  file: string,
  named: Iterable<{ readonly tenant: string }>,
): Promise<void> {
  for (const { tenant } of named) {
    if (tenant === defaultTenant || (await store.get('tenant', tenant)) !== undefined) continue;
    throw new SallyportError('invalid', `"${file}" names the tenant "${tenant}", which is not here`, {
      next: `correct it; or start without it, make the tenant (sallyport tenants add ${tenant}), and start again`,
    });
  }
}
