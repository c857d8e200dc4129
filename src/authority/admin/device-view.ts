// A device as the api shows it: the record, and what is derived at this moment (online, locked, sessions).

import type { DeviceView } from '../../api/nouns.ts';
import { barsLinks, describeHold, type Device, type LinkEnd } from '../../core/device.ts';
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
    locked: ctx.locks.find({ tenant: device.tenant, device: device.id }) !== undefined,
    ...(device.hold === undefined ? {} : { hold: { why: device.hold.why, since: iso(device.hold.since) } }),
    ...(link === undefined ? { offlineBecause: offlineWords(device) } : {}),
    ...(link === undefined ? {} : { linkedAt: iso(link.linkedAt) }),
    ...(device.lastSeenAt === undefined ? {} : { lastSeenAt: iso(device.lastSeenAt) }),
    ...(agentVersion === undefined ? {} : { agentVersion }),
    ...(notAfter === undefined ? {} : { certificateNotAfter: iso(notAfter) }),
    ...(device.approvals === undefined ? {} : { approvals: { ...device.approvals } }),
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

const endWords: Readonly<Record<LinkEnd, string>> = {
  agent_closed: 'its agent ended: stopped, killed, or shut down with its machine',
  lost: 'its link was lost: device, network or power',
  superseded: 'another link took over, and ended too',
  lock: 'it was locked or held',
  removed: 'it was removed',
  drain: 'the broker was restarted, and it has not come back',
  protocol: 'its agent broke the protocol',
  gate_stopped: 'the broker was restarted, and it has not come back',
};

function offlineWords({ hold, lastSeenAt, lastLinkEnd }: Device): string {
  if (hold !== undefined && barsLinks(hold.why)) return `it ${describeHold(hold)}`;
  if (lastSeenAt === undefined) return 'it never had a link';
  return lastLinkEnd === undefined ? 'the broker ended while it was linked' : endWords[lastLinkEnd];
}
