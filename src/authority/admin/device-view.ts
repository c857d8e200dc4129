// A device as the api shows it: the record, and what is derived at this moment (online, locked, sessions).

import type { DeviceView } from '../../api/nouns.ts';
import type { Device } from '../../core/device.ts';
import type { DeviceId } from '../../core/ids.ts';
import type { AuthorityContext } from '../context.ts';
import { identityName } from './names.ts';
import { iso } from './time-text.ts';

export async function viewDevice(
  ctx: AuthorityContext,
  device: Device,
  sessions = sessionsPerDevice(ctx),
): Promise<DeviceView> {
  const link = ctx.gates.linkOf(device.id);
  const newest = await ctx.store.list('credential', { holder: device.id }, { order: 'newest', limit: 1 });
  const notAfter = newest.items[0]?.value.notAfter;
  const agentVersion = link?.agentVersion ?? device.agentVersion;
  return {
    id: device.id,
    name: device.name,
    owner: { id: device.owner, name: await identityName(ctx, device.owner) },
    purpose: device.purpose,
    labels: { ...device.labels },
    online: link !== undefined,
    locked: ctx.locks.find({ device: device.id }) !== undefined,
    ...(device.hold === undefined ? {} : { hold: { why: device.hold.why, since: iso(device.hold.since) } }),
    ...(link === undefined ? {} : { linkedAt: iso(link.linkedAt) }),
    ...(device.lastSeenAt === undefined ? {} : { lastSeenAt: iso(device.lastSeenAt) }),
    ...(agentVersion === undefined ? {} : { agentVersion }),
    ...(notAfter === undefined ? {} : { certificateNotAfter: iso(notAfter) }),
    sessions: sessions.get(device.id) ?? 0,
    createdAt: iso(device.createdAt),
  };
}

/** Counted once for a whole list. */
export function sessionsPerDevice(ctx: AuthorityContext): ReadonlyMap<DeviceId, number> {
  const counts = new Map<DeviceId, number>();
  for (const { device } of ctx.sessions.all()) counts.set(device, (counts.get(device) ?? 0) + 1);
  return counts;
}
