// Use-case: a gate reports the ends of channels of one session: bytes, exits and where forwards ended up go
// on the session and on the log, once, however often they are told.

import { isPeer } from '../../core/destination.ts';
import type { EventDraft } from '../../core/event.ts';
import { parseId } from '../../core/ids.ts';
import type { Session } from '../../core/session-record.ts';
import type { ChannelEnd, ChannelsClosedBody } from '../../wire/control.ts';
import type { AuthorityContext } from '../context.ts';
import { updateRecord } from '../store/update-record.ts';

export async function channelsClosed(
  ctx: AuthorityContext,
  gate: string,
  body: ChannelsClosedBody,
): Promise<void> {
  const id = parseId('ses', body.session);
  if (id === undefined) return;
  await updateRecord(ctx.store, { kind: 'session', id }, (session) => {
    const told = session.endsTold ?? 0;
    const fresh = body.channels.filter(({ nth }) => nth === undefined || nth >= told);
    if (session.gate !== gate || fresh.length === 0) return undefined;
    const carried = fresh.filter(({ ended }) => ended !== 'refused');
    return {
      value: {
        ...session,
        channels: session.channels + carried.length,
        endsTold: Math.max(told, ...fresh.map(({ nth }) => (nth ?? -1) + 1)),
        bytesUp: session.bytesUp + sum(carried.map(({ bytesUp }) => bytesUp)),
        bytesDown: session.bytesDown + sum(carried.map(({ bytesDown }) => bytesDown)),
      },
      events: fresh.map((end) => eventOf(session, gate, end)),
    };
  });
}

function eventOf(session: Session, gate: string, end: ChannelEnd): EventDraft {
  const isRefused = end.ended === 'refused';
  return {
    type: isRefused ? 'channel.refused' : 'channel.closed',
    actor: { kind: 'gate', id: gate },
    outcome: isRefused ? 'denied' : 'success',
    code: end.code ?? end.ended,
    identity: session.identity,
    device: session.device,
    session: session.id,
    body: {
      n: end.n,
      bytesUp: end.bytesUp,
      bytesDown: end.bytesDown,
      ...(isPeer(end.peer) ? { peer: end.peer } : {}),
      ...(end.durationMs === undefined ? {} : { durationMs: end.durationMs }),
      ...(end.exit?.code === undefined ? {} : { exitCode: end.exit.code }),
      ...(end.exit?.signal === undefined ? {} : { exitSignal: end.exit.signal }),
    },
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
