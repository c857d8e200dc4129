// Use-case: remove a device for good. Its record goes, its credentials are revoked, and then what it
// carries ends. Its key stays known by its revoked credentials, so it never comes back under a new name.

import { SallyportError } from '../../core/errors.ts';
import type { DeviceId } from '../../core/ids.ts';
import { limits } from '../../core/limits.ts';
import { revokeCredentials } from '../enroll/credentials.ts';
import type { AuthorityContext } from '../context.ts';
import { endSessions } from '../sessions/end-session.ts';
import type { Change } from '../store/store.ts';
import { requireDevice } from './find.ts';
import { actor, type Operator } from './operator.ts';

export async function removeDevice(
  ctx: AuthorityContext,
  caller: Operator,
  nameOrId: string,
): Promise<{ readonly done: true }> {
  const { id, name } = await requireDevice(ctx, nameOrId);
  const stored = await ctx.store.get('device', id);
  if (stored === undefined) throw new SallyportError('not_found', `there is no device "${name}"`);
  const revoked = await revokeCredentials(ctx, { holder: id });
  const services = await servicesOf(ctx, id);

  await ctx.store.commit({
    changes: [{ delete: 'device', id, rev: stored.rev }, ...revoked, ...services],
    events: [
      {
        type: 'device.removed',
        actor: actor(caller),
        outcome: 'success',
        device: id,
        body: { name, credentialsRevoked: revoked.length, by: caller.identity.name },
      },
    ],
  });

  const sessions = ctx.sessions.all().filter((live) => live.device === id);
  await endSessions(
    ctx,
    sessions.map((live) => live.id),
    { reason: 'policy', by: actor(caller), detail: `"${name}" was removed` },
  );
  ctx.gates.closeLinkOf(id, 'removed');
  return { done: true };
}

/** A device has few services: one page holds them. */
async function servicesOf(ctx: AuthorityContext, device: DeviceId): Promise<readonly Change[]> {
  const { items } = await ctx.store.list('service', { device }, { limit: limits.apiPageMax });
  return items.map(({ value, rev }) => ({ delete: 'service', id: value.id, rev }));
}
