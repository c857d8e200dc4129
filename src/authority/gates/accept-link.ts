// Use-cases: a device's link comes up, and goes down. The gate says who is at the other end; the
// authority checks the certificate itself, takes over from an older link of the same device, and answers
// with what makes the link worth something: the signed welcome and a first lease.

import { X509Certificate } from 'node:crypto';
import { describeHold, isBarred, type Device, type LinkEnd } from '../../core/device.ts';
import { SallyportError, type ErrorCode } from '../../core/errors.ts';
import type { EventDraft } from '../../core/event.ts';
import { parseId, type DeviceId } from '../../core/ids.ts';
import { printable } from '../../core/printable.ts';
import type { LinkAccepted, LinkBody, LinkClosedBody } from '../../wire/control.ts';
import { isIssuedBy } from '../../wire/roots.ts';
import { signStatement } from '../../wire/signed.ts';
import { peerOf } from '../../wire/tls-peer.ts';
import { addressesOf } from '../admin/broker-facts.ts';
import type { AuthorityContext } from '../context.ts';
import { endSessions } from '../sessions/end-session.ts';
import { nextLease } from '../sessions/leases.ts';
import { awaitedReceipts } from '../sessions/missing-receipts.ts';
import type { Stored } from '../store/store.ts';
import { updateRecord } from '../store/update-record.ts';
import type { LiveLink } from './gate-book.ts';

/** Throws SallyportError; refusals are on the log as link.refused. */
export async function acceptLink(ctx: AuthorityContext, gate: string, body: LinkBody): Promise<LinkAccepted> {
  const stored = await gather(ctx, gate, body);
  const device = stored.value;
  const id = parseId('lnk', body.link);
  if (id === undefined) throw new SallyportError('invalid', 'the link id is not valid');
  const now = ctx.clock.now();
  const next: Device = {
    ...device,
    linkEpoch: device.linkEpoch + 1,
    lastSeenAt: now,
    agentVersion: printable(body.hello.agentVersion, 40),
  };

  await ctx.store.commit({
    changes: [{ put: 'device', value: next, rev: stored.rev }],
    events: [opened(next, gate, body)],
  });

  const link: LiveLink = {
    id,
    tenant: device.tenant,
    device: device.id,
    deviceName: device.name,
    gate,
    linkNonce: body.hello.linkNonce,
    linkEpoch: next.linkEpoch,
    agentVersion: next.agentVersion ?? '',
    linkedAt: now,
    sessions: new Set(),
    leaseSeq: 0,
  };
  await takeOver(ctx, link);
  return {
    device: device.id,
    name: device.name,
    linkEpoch: link.linkEpoch,
    welcome: signStatement(
      'welcome',
      {
        device: device.id,
        linkNonce: link.linkNonce,
        time: now,
        linkEpoch: link.linkEpoch,
        stateEpoch: ctx.broker.stateEpoch,
        addresses: addressesOf(ctx.broker),
        awaited: await awaitedReceipts(ctx, device.id),
      },
      ctx.pki.passSigner,
    ),
    keyset: ctx.pki.keysetStatement,
    lease: nextLease(ctx, link),
  };
}

async function gather(ctx: AuthorityContext, gate: string, body: LinkBody): Promise<Stored<Device>> {
  const leaf = new X509Certificate(Buffer.from(body.certificate, 'base64url'));
  const peer = peerOf(leaf, { now: ctx.clock.now() });
  if (typeof peer === 'string')
    throw await refuse(ctx, {
      gate,
      body,
      code: 'unauthenticated',
      message: `the device certificate is not usable: ${peer}`,
    });
  if (!ctx.pki.acceptedIssuers.some((issuer) => isIssuedBy(leaf, issuer)))
    throw await refuse(ctx, {
      gate,
      body,
      code: 'unauthenticated',
      message: 'the device certificate is not from this broker',
    });
  const id = parseId('dev', peer.id);
  const stored = id === undefined || peer.kind !== 'device' ? undefined : await ctx.store.get('device', id);
  if (id === undefined || stored === undefined) {
    throw await refuse(ctx, {
      gate,
      body,
      code: 'not_found',
      message: 'this device was removed: join again with a new token',
    });
  }
  const refusal = { gate, body, device: id } as const;
  if (stored.value.spki !== peer.spki) {
    throw await refuse(ctx, {
      ...refusal,
      code: 'wrong_kind',
      message: `another key than the one of "${stored.value.name}"`,
    });
  }
  const lock = ctx.locks.find({ tenant: stored.value.tenant, device: id });
  if (lock !== undefined)
    throw await refuse(ctx, {
      ...refusal,
      code: 'locked',
      message: `"${stored.value.name}" is locked: ${printable(lock.reason)}`,
    });
  if (isBarred(stored.value)) {
    throw await refuse(ctx, {
      ...refusal,
      code: 'not_accepted',
      message: `"${stored.value.name}" ${describeHold(stored.value.hold)}`,
    });
  }
  if (body.hello.stateEpoch > ctx.broker.stateEpoch) {
    throw await refuse(ctx, {
      ...refusal,
      code: 'pass_epoch',
      message: `"${stored.value.name}" has seen state epoch ${body.hello.stateEpoch}, this broker is at ${ctx.broker.stateEpoch}: an older database was put back`,
    });
  }
  return stored;
}

/**
 * The same device under a higher epoch: the older link and what it carried end at once (L6). The new one is
 * in the book before anything is waited for, so that of two that come up together the later one counts.
 */
async function takeOver(ctx: AuthorityContext, link: LiveLink): Promise<void> {
  const older = ctx.gates.linkOf(link.device);
  ctx.gates.addLink(link);
  if (older !== undefined) {
    ctx.gates.send(older.gate, { type: 'closeLink', link: older.id, reason: 'superseded' });
    await endLink(ctx, older, 'superseded');
  }
  // Placed while the log was written: it found no link to close.
  const lock = ctx.locks.find(link);
  if (lock !== undefined) {
    await endLink(ctx, link, 'lock');
    throw new SallyportError('locked', `"${link.deviceName}" is locked: ${printable(lock.reason)}`, {
      next: 'an administrator unlocks it: sallyport locks ls',
    });
  }
  const device = (await ctx.store.get('device', link.device))?.value;
  if (device === undefined || !isBarred(device)) return;
  await endLink(ctx, link, 'lock');
  throw new SallyportError('not_accepted', `"${link.deviceName}" ${describeHold(device.hold)}`, {
    next: `an administrator accepts it: sallyport devices accept ${link.deviceName}`,
  });
}

export async function linkClosed(ctx: AuthorityContext, gate: string, body: LinkClosedBody): Promise<void> {
  const id = parseId('lnk', body.link);
  const link = id === undefined ? undefined : ctx.gates.link(id);
  if (link !== undefined && link.gate === gate) await endLink(ctx, link, body.reason);
}

async function endLink(ctx: AuthorityContext, link: LiveLink, reason: LinkEnd): Promise<void> {
  ctx.gates.dropLink(link.id);
  await endSessions(ctx, [...link.sessions], {
    reason: reason === 'lock' ? 'lock' : 'device_gone',
    by: { kind: 'gate', id: link.gate },
    ...(reason === 'superseded' ? { detail: 'a newer link of the device took over' } : {}),
  });
  const event: EventDraft = {
    type: 'link.closed',
    actor: { kind: 'gate', id: link.gate },
    outcome: 'success',
    code: reason,
    device: link.device,
    link: link.id,
    body: { name: link.deviceName, linkEpoch: link.linkEpoch, upMs: ctx.clock.now() - link.linkedAt },
  };
  const device = await updateRecord(ctx.store, { kind: 'device', id: link.device }, (value) => ({
    value: { ...value, lastSeenAt: ctx.clock.now(), lastLinkEnd: reason },
    events: [event],
  }));
  if (device === undefined) await ctx.store.commit({ changes: [], events: [event] });
}

function opened(device: Device, gate: string, body: LinkBody): EventDraft {
  const link = parseId('lnk', body.link);
  return {
    type: 'link.opened',
    actor: { kind: 'device', id: device.id },
    outcome: 'success',
    device: device.id,
    ...(link === undefined ? {} : { link }),
    body: {
      name: device.name,
      gate,
      linkEpoch: device.linkEpoch,
      agentVersion: device.agentVersion ?? '',
      platform: printable(body.hello.platform, 80),
      sourceIp: body.remoteAddress,
    },
  };
}

interface Refusal {
  readonly gate: string;
  readonly body: LinkBody;
  readonly code: ErrorCode;
  readonly message: string;
  readonly device?: DeviceId;
}

async function refuse(ctx: AuthorityContext, refusal: Refusal): Promise<SallyportError> {
  await ctx.store.commit({
    changes: [],
    events: [
      {
        type: 'link.refused',
        actor: { kind: 'gate', id: refusal.gate },
        outcome: 'denied',
        code: refusal.code,
        ...(refusal.device === undefined ? {} : { device: refusal.device }),
        body: { why: refusal.message, sourceIp: refusal.body.remoteAddress },
      },
    ],
  });
  return new SallyportError(refusal.code, refusal.message);
}
