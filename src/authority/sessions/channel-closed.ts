// Use-case: a gate reports the end of a channel: bytes, exit and where a forward ended up go
// on the session and on the log.

import { isPeer } from '../../core/destination.ts';
import type { EventDraft } from '../../core/event.ts';
import { parseId } from '../../core/ids.ts';
import type { Session } from '../../core/session-record.ts';
import type { ChannelClosedBody } from '../../wire/control.ts';
import type { AuthorityContext } from '../context.ts';
import { updateRecord } from '../store/update-record.ts';

export async function channelClosed(
  ctx: AuthorityContext,
  gate: string,
  body: ChannelClosedBody,
): Promise<void> {
  const id = parseId('ses', body.session);
  if (id === undefined) return;
  await updateRecord(ctx.store, { kind: 'session', id }, (session) =>
    session.gate === gate
      ? {
          value: {
            ...session,
            channels: session.channels + (body.ended === 'refused' ? 0 : 1),
            bytesUp: session.bytesUp + body.bytesUp,
            bytesDown: session.bytesDown + body.bytesDown,
          },
          events: [closed(session, gate, body)],
        }
      : undefined,
  );
}

function closed(session: Session, gate: string, body: ChannelClosedBody): EventDraft {
  return {
    type: body.ended === 'refused' ? 'channel.refused' : 'channel.closed',
    actor: { kind: 'gate', id: gate },
    outcome: body.ended === 'refused' ? 'denied' : 'success',
    code: body.code ?? body.ended,
    identity: session.identity,
    device: session.device,
    session: session.id,
    body: {
      n: body.n,
      bytesUp: body.bytesUp,
      bytesDown: body.bytesDown,
      ...(isPeer(body.peer) ? { peer: body.peer } : {}),
      ...(body.durationMs === undefined ? {} : { durationMs: body.durationMs }),
      ...(body.exit?.code === undefined ? {} : { exitCode: body.exit.code }),
      ...(body.exit?.signal === undefined ? {} : { exitSignal: body.exit.signal }),
    },
  };
}
