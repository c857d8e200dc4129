// Whom a provider's word makes: a person is who the provider says by issuer and subject, never by a name or a mail
// address, which others may come to have. His roles are those of his groups, read anew at each sign-in.

import { SallyportError } from '../../core/errors.ts';
import type { EventDraft } from '../../core/event.ts';
import { newId } from '../../core/ids.ts';
import type { Identity, Role } from '../../core/identity.ts';
import { nameIn } from '../../core/tenant.ts';
import { isName } from '../../core/device.ts';
import { barredBy } from '../admin/barred.ts';
import type { AuthorityContext } from '../context.ts';
import type { Change } from '../store/store.ts';
import { subjectKey } from '../store/record-columns.ts';
import type { ProviderConfig } from './config.ts';
import { ProviderRefused, type Person } from './provider.ts';

export interface Found {
  readonly identity: Identity;
  readonly changes: readonly Change[];
  readonly events: readonly EventDraft[];
  /** Policies may name roles: what is open is decided again. */
  readonly hasOtherRoles: boolean;
}

/** Undefined: he is in none of the groups that come in here. */
export function rolesOf(
  { roles }: Pick<ProviderConfig, 'roles'>,
  groups: readonly string[],
): readonly Role[] | undefined {
  const mine = groups.map((group) => roles.get(group)).filter((given) => given !== undefined);
  return mine.length === 0 ? undefined : [...new Set(mine.flat())].sort();
}

export async function identityAt(
  ctx: AuthorityContext,
  issuer: string,
  subject: string,
): Promise<{ readonly value: Identity; readonly rev: number } | undefined> {
  return await ctx.store.find('identity', { subject: subjectKey({ issuer, subject }) });
}

/** Throws ProviderRefused, or SallyportError `conflict` where the name is somebody else's here. */
export async function findPerson(
  ctx: AuthorityContext,
  config: ProviderConfig,
  { person, roles }: { readonly person: Person; readonly roles: readonly Role[] },
): Promise<Found> {
  const stored = await identityAt(ctx, config.issuer, person.subject);
  if (stored === undefined) return await newPerson(ctx, config, { person, roles });
  const identity = stored.value;
  // What the file says of the provider since does not carry somebody over.
  if (identity.tenant !== config.tenant) {
    throw new ProviderRefused(
      `"${identity.name}" came in by it as somebody of the tenant "${identity.tenant}"`,
    );
  }
  const barred = barredBy(ctx, identity);
  if (barred !== undefined) {
    throw new ProviderRefused(
      barred === 'expired'
        ? `"${identity.name}" has expired`
        : `"${identity.name}" is locked by ${barred.id}`,
    );
  }
  const gained = roles.filter((role) => !identity.roles.includes(role));
  const lost = identity.roles.filter((role) => !roles.includes(role));
  if (gained.length + lost.length === 0) return { identity, changes: [], events: [], hasOtherRoles: false };
  const next: Identity = { ...identity, roles };
  return {
    identity: next,
    changes: [{ put: 'identity', value: next, rev: stored.rev }],
    events: [
      ...gained.map((role) => roleEvent(config, next, 'role.granted', role)),
      ...lost.map((role) => roleEvent(config, next, 'role.revoked', role)),
    ],
    hasOtherRoles: true,
  };
}

export function roleEvent(
  config: ProviderConfig,
  { id, name }: Identity,
  type: 'role.granted' | 'role.revoked',
  role: Role,
): EventDraft {
  return {
    type,
    actor: { kind: 'system', id: `providers/${config.name}` },
    outcome: 'success',
    identity: id,
    body: { name, role, by: config.title },
  };
}

async function newPerson(
  ctx: AuthorityContext,
  config: ProviderConfig,
  { person, roles }: { readonly person: Person; readonly roles: readonly Role[] },
): Promise<Found> {
  const name = nameFrom(person.name);
  if (name === undefined) {
    throw new ProviderRefused(`its claim "${config.nameClaim}" makes no name`);
  }
  if ((await ctx.store.find('identity', { name: nameIn(config.tenant, name) })) !== undefined) {
    throw new SallyportError(
      'conflict',
      `there is a "${name}" here already, whom "${config.title}" did not make known`,
      {
        next: 'ask an administrator: one of the two needs another name',
      },
    );
  }
  const id = newId('idn', ctx.random.bytes(16));
  const { issuer } = config;
  const { subject } = person;
  const identity: Identity = {
    id,
    kind: 'human',
    name,
    roles,
    tenant: config.tenant,
    provider: { issuer, subject },
    createdAt: ctx.clock.now(),
  };
  return {
    identity,
    changes: [{ put: 'identity', value: identity, rev: 0 }],
    events: [
      {
        type: 'identity.created',
        actor: { kind: 'system', id: `providers/${config.name}` },
        outcome: 'success',
        identity: id,
        body: { name, roles: [...roles], issuer, subject },
      },
    ],
    hasOtherRoles: false,
  };
}

/** "Ana.Silva@example.com" is "ana-silva": what stands before the @, in the letters of names. */
function nameFrom(claim: unknown): string | undefined {
  if (typeof claim !== 'string') return undefined;
  const [local = ''] = claim.normalize('NFKD').toLowerCase().split('@', 1);
  const name = local
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  return isName(name) ? name : undefined;
}
