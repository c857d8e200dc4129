// What a gate may ask for, by path (docs/protocol.md, "Control").

import { isEndReason } from '../../core/end-reason.ts';
import { parseId } from '../../core/ids.ts';
import { printable } from '../../core/printable.ts';
import type {
  ChannelBody,
  ChannelsClosedBody,
  LinkBody,
  LinkClosedBody,
  RefusalBody,
  RegisterBody,
  SessionEndedBody,
} from '../../wire/control.ts';
import type { Refusals } from '../api/refusals.ts';
import type { AuthorityContext } from '../context.ts';
import { authorizeChannel } from '../sessions/authorize-channel.ts';
import { channelsClosed } from '../sessions/channels-closed.ts';
import { endSession } from '../sessions/end-session.ts';
import { acceptGate } from './accept-gate.ts';
import { acceptLink, linkClosed } from './accept-link.ts';
import { issueGateCertificate } from './issue-gate-certificate.ts';

/** A gate is our own program: its bodies are typed by wire/control.ts; ids in them are parsed where used. */
type Handler = (gate: string, body: never) => Promise<object | undefined>;
export type ControlHandlers = Readonly<Record<string, Handler>>;

interface CertificateBody {
  readonly csr: string;
}

export function controlHandlers(ctx: AuthorityContext, refusals: Refusals): ControlHandlers {
  return {
    '/gate/register': async (_gate, body: RegisterBody) => await acceptGate(ctx, body),
    '/gate/certificate': async (gate, body: CertificateBody) =>
      await issueGateCertificate(ctx, { csr: body.csr, gate }),
    '/gate/links': async (gate, body: LinkBody) => await acceptLink(ctx, gate, body),
    '/gate/links/closed': async (gate, body: LinkClosedBody) => await done(linkClosed(ctx, gate, body)),
    '/gate/channels': async (gate, body: ChannelBody) => await authorizeChannel(ctx, gate, body),
    '/gate/channels/closed': async (gate, body: ChannelsClosedBody) =>
      await done(channelsClosed(ctx, gate, body)),
    '/gate/sessions/ended': async (gate, body: SessionEndedBody) => await done(sessionEnded(ctx, gate, body)),
    '/gate/refusals': async (gate, body: RefusalBody) => await done(refused(refusals, gate, body)),
  };
}

async function done(work: Promise<void>): Promise<undefined> {
  await work;
}

async function sessionEnded(ctx: AuthorityContext, gate: string, body: SessionEndedBody): Promise<void> {
  const session = parseId('ses', body.session);
  if (session === undefined || !isEndReason(body.reason) || ctx.sessions.get(session)?.gate !== gate) return;
  await endSession(ctx, { session, reason: body.reason, by: { kind: 'gate', id: gate } });
}

/** A gate's word on whom it turned away: address and fault are its claim, not our finding. */
async function refused(refusals: Refusals, gate: string, body: RefusalBody): Promise<void> {
  await refusals.note(
    {
      type: body.door === 'request' ? 'channel.refused' : 'auth.failed',
      actor: { kind: 'gate', id: gate },
      code: printable(body.fault, 64),
      body: { door: body.door, ...(body.peer === undefined ? {} : { peer: printable(body.peer, 64) }) },
    },
    printable(body.remoteAddress, 64),
  );
}
