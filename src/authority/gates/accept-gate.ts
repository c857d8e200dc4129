// Use-case: a gate registers. It gets its certificate for a key that it just made, and both sides agree
// on what goes on living: what the gate no longer carries is ended, what the authority no longer knows is
// closed. So either process may be restarted alone.

import { SallyportError } from '../../core/errors.ts';
import { parseId, type SessionId } from '../../core/ids.ts';
import type { Session } from '../../core/session-record.ts';
import { controlVersion, type RegisterBody, type Registered } from '../../wire/control.ts';
import type { AuthorityContext } from '../context.ts';
import { endSessions } from '../sessions/end-session.ts';
import { issueGateCertificate } from './issue-gate-certificate.ts';

export async function acceptGate(ctx: AuthorityContext, body: RegisterBody): Promise<Registered> {
  if (body.version !== controlVersion) {
    throw new SallyportError(
      'version_unsupported',
      `gate "${body.gate}" speaks control version ${body.version}, this authority ${controlVersion}`,
      {
        next: 'install the same version of both and start the broker again',
      },
    );
  }
  ctx.gates.claim(body.gate, { links: body.links.map(({ link }) => link), sessions: body.sessions });
  const issued = await issueGateCertificate(ctx, { csr: body.csr, gate: body.gate });

  const carried = new Set(body.sessions);
  const lost = ctx.sessions.all().filter((live) => live.gate === body.gate && !carried.has(live.id));
  await endSessions(
    ctx,
    lost.map((live) => live.id),
    {
      reason: 'shutdown',
      by: { kind: 'system', id: 'authority' },
      detail: `gate "${body.gate}" was restarted`,
    },
  );
  const closeLinks = await takeOverLinks(ctx, body);
  const cutSessions = body.sessions.filter((id) => ctx.sessions.get(id as SessionId) === undefined);

  await ctx.store.commit({
    changes: [],
    events: [
      {
        type: 'gate.connected',
        actor: { kind: 'gate', id: body.gate },
        outcome: 'success',
        body: { links: body.links.length, sessions: body.sessions.length, certificate: issued.serial },
      },
    ],
  });
  return {
    certificate: issued.certificate,
    root: issued.root,
    trustDomain: ctx.pki.trustDomain,
    env: ctx.pki.env,
    apiHosts: [],
    closeLinks,
    cutSessions,
  };
}

/** Learns the gate's links anew after a restart of the authority. Returns those that must not go on. */
async function takeOverLinks(ctx: AuthorityContext, body: RegisterBody): Promise<readonly string[]> {
  for (const known of ctx.gates.linksOfGate(body.gate)) ctx.gates.dropLink(known.id);
  const close: string[] = [];
  for (const claim of body.links) {
    const link = parseId('lnk', claim.link);
    const deviceId = parseId('dev', claim.device);
    const device = deviceId === undefined ? undefined : await ctx.store.get('device', deviceId);
    if (
      link === undefined ||
      device === undefined ||
      ctx.locks.find({ tenant: device.value.tenant, device: device.value.id }) !== undefined
    ) {
      close.push(claim.link);
      continue;
    }
    ctx.gates.addLink({
      id: link,
      tenant: device.value.tenant,
      device: device.value.id,
      deviceName: device.value.name,
      gate: body.gate,
      linkNonce: claim.linkNonce,
      linkEpoch: device.value.linkEpoch,
      agentVersion: device.value.agentVersion ?? 'unknown',
      linkedAt: ctx.clock.now(),
      sessions: new Set(sessionsOn(ctx, claim.link)),
      // Sequence numbers come from the clock: the one that the agent holds is lower, whatever it is.
      leaseSeq: ctx.clock.now(),
    });
  }
  return close;
}

function sessionsOn(ctx: AuthorityContext, link: Session['link'] | string): readonly SessionId[] {
  return ctx.sessions
    .all()
    .filter((live) => live.link === link)
    .map((live) => live.id);
}
