// Who may make, change or remove somebody who decides about others. Policy may let others administer identities; by that
// alone nobody makes himself more than he is.

import { SallyportError } from '../../core/errors.ts';
import { isAdministrator, isOwner, type Role } from '../../core/identity.ts';
import type { AuthorityContext } from '../context.ts';
import { eachRecord } from './each-record.ts';
import type { Operator } from './operator.ts';

const deciding: ReadonlySet<Role> = new Set(['owner', 'administrator', 'approver', 'auditor']);

/** `roles`: those that are given, or those of whom it is about. Throws `forbidden`. */
export async function requireRank(
  ctx: AuthorityContext,
  { identity }: Operator,
  roles: readonly Role[],
): Promise<void> {
  if (roles.includes('owner') && !isOwner(identity) && (await hasOwner(ctx))) {
    throw new SallyportError('forbidden', 'only owners make, change or remove an owner', {
      next: 'ask one of them: sallyport roles ls',
    });
  }
  const role = roles.find((one) => deciding.has(one));
  // Machines, too, where an administrator gave them the role.
  if (role === undefined || isAdministrator(identity)) return;
  throw new SallyportError(
    'forbidden',
    `only administrators make, change or remove somebody who is ${role}`,
    {
      next: 'ask an administrator',
    },
  );
}

/** Where nobody is, as on a broker from before there were owners, an administrator makes the first. */
async function hasOwner(ctx: AuthorityContext): Promise<boolean> {
  for await (const { value } of eachRecord(ctx.store, 'identity')) if (isOwner(value)) return true;
  return false;
}
