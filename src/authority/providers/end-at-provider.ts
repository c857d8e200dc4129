// What stands on a provider's sign-in ends with it: browsers, commands that it let in, what those opened. `isOut`: the
// provider lets him in here no more at all, so that everything of his ends, and his roles go.

import type { EventDraft } from '../../core/event.ts';
import type { IdentityId } from '../../core/ids.ts';
import type { Identity, ProviderSession } from '../../core/identity.ts';
import { eachRecord } from '../admin/each-record.ts';
import type { AuthorityContext } from '../context.ts';
import { credentialsOf } from '../enroll/credentials.ts';
import { endOpened } from '../enroll/sign-in.ts';
import { endedSignIns } from '../passkeys/sign-ins.ts';
import { reviewSessions } from '../sessions/review-sessions.ts';
import type { Change } from '../store/store.ts';
import type { ProviderConfig } from './config.ts';
import type { Logout } from './logout.ts';
import { identityAt, roleEvent } from './person.ts';

interface Ended extends Logout {
  readonly config: ProviderConfig;
  readonly isOut?: true;
}

export async function endAtProvider(ctx: AuthorityContext, ended: Ended): Promise<void> {
  for (const id of await concerned(ctx, ended)) await endOf(ctx, id, ended);
}

/** By subject it is one person; by the session alone it is whoever has something that stands on it. */
async function concerned(
  ctx: AuthorityContext,
  { config, subject, sid }: Ended,
): Promise<ReadonlySet<IdentityId>> {
  if (subject !== undefined) {
    const stored = await identityAt(ctx, config.issuer, subject);
    return new Set(stored === undefined ? [] : [stored.value.id]);
  }
  const found = new Set<IdentityId>();
  const isIt = (one: ProviderSession | undefined): boolean =>
    one !== undefined && one.issuer === config.issuer && one.sid === sid;
  for await (const { value } of eachRecord(ctx.store, 'signin')) {
    if (isIt(value.provider)) found.add(value.identity);
  }
  for await (const { value } of eachRecord(ctx.store, 'credential')) {
    // INVARIANT: only people's credentials stand on a provider.
    if (isIt(value.provider)) found.add(value.holder as IdentityId);
  }
  return found;
}

async function endOf(ctx: AuthorityContext, id: IdentityId, { config, sid, isOut }: Ended): Promise<void> {
  const stored = await ctx.store.get('identity', id);
  if (stored === undefined) return;
  const identity = stored.value;
  const stands = ({ provider }: { readonly provider?: ProviderSession }): boolean =>
    isOut === true || (provider?.issuer === config.issuer && (sid === undefined || provider.sid === sid));
  const now = ctx.clock.now();
  const keys = (await credentialsOf(ctx, { holder: id })).filter(
    (credential) => stands(credential) && credential.revokedAt === undefined && credential.notAfter >= now,
  );
  const browsers = await endedSignIns(ctx, id, stands);
  const roles = isOut === true ? withoutRoles(config, identity) : undefined;
  await ctx.store.commit({
    changes: [
      ...browsers,
      ...keys.map((value) => ({ put: 'credential', value: { ...value, revokedAt: now } }) as const),
      ...(roles === undefined ? [] : [{ ...roles.change, rev: stored.rev }]),
    ],
    events: [
      {
        type: 'sign_in.ended',
        actor: { kind: 'system', id: `providers/${config.name}` },
        outcome: 'success',
        identity: id,
        body: {
          name: identity.name,
          provider: config.issuer,
          why: isOut === true ? 'in none of the groups' : 'signed out at the provider',
          signInsEnded: browsers.length,
          credentialsRevoked: keys.length,
        },
      },
      ...(roles?.events ?? []),
    ],
  });
  await endOpened(ctx, id, {
    keys: keys.map(({ spki }) => spki),
    by: { kind: 'system', id: `providers/${config.name}` },
    detail: `signed out at "${config.title}"`,
  });
  if (isOut === true) await reviewSessions(ctx);
}

function withoutRoles(
  config: ProviderConfig,
  identity: Identity,
): { readonly change: Change & { readonly put: 'identity' }; readonly events: readonly EventDraft[] } {
  return {
    change: { put: 'identity', value: { ...identity, roles: [] } },
    events: identity.roles.map((role) => roleEvent(config, identity, 'role.revoked', role)),
  };
}
