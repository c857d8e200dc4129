// From what a person typed, a name or an id, to the record.

import type { Device } from '../../core/device.ts';
import { SallyportError } from '../../core/errors.ts';
import { parseId } from '../../core/ids.ts';
import { isOfHouse, type Identity } from '../../core/identity.ts';
import { printable } from '../../core/printable.ts';
import type { AuthorityContext } from '../context.ts';

export async function findIdentity(ctx: AuthorityContext, nameOrId: string): Promise<Identity | undefined> {
  const id = parseId('idn', nameOrId);
  const stored =
    id === undefined
      ? await ctx.store.find('identity', { name: nameOrId })
      : await ctx.store.get('identity', id);
  return stored?.value;
}

export async function requireIdentity(ctx: AuthorityContext, nameOrId: string): Promise<Identity> {
  const identity = await findIdentity(ctx, nameOrId);
  if (identity !== undefined) return identity;
  throw new SallyportError('not_found', `there is no identity "${printable(nameOrId, 80)}"`, {
    next: '"sallyport identities ls" lists them',
  });
}

/** Who answers for a device, a service, a machine or a guest: a person of this house. */
export async function requireOwner(
  ctx: AuthorityContext,
  nameOrId: string,
  as: 'owner' | 'sponsor' = 'owner',
): Promise<Identity> {
  const owner = await requireIdentity(ctx, nameOrId);
  if (isOfHouse(owner)) return owner;
  throw new SallyportError(
    'invalid',
    `"${owner.name}" cannot be ${as === 'owner' ? 'an' : 'a'} ${as}: ${as}s are people of this house`,
    {
      next: `name a person with --${as}`,
    },
  );
}

export async function findDevice(ctx: AuthorityContext, nameOrId: string): Promise<Device | undefined> {
  const id = parseId('dev', nameOrId);
  const stored =
    id === undefined ? await ctx.store.find('device', { name: nameOrId }) : await ctx.store.get('device', id);
  return stored?.value;
}

export async function requireDevice(ctx: AuthorityContext, nameOrId: string): Promise<Device> {
  return (await findDevice(ctx, nameOrId)) ?? noDevice(nameOrId);
}

/** One text for a device that is missing and for one that the caller may not know of. */
export function noDevice(nameOrId: string): never {
  throw new SallyportError('not_found', `there is no device "${printable(nameOrId, 80)}"`, {
    next: '"sallyport devices ls" lists the ones you may see',
  });
}
