// Why a session ended, in words, from the broker: neither a stream that was reset nor a connection that is gone
// carries any.

import type { SessionView } from '../../api/sessions.ts';
import { describeEndReason } from '../../core/end-reason.ts';
import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { call } from '../api.ts';
import type { SignIn } from '../profile.ts';

/** How long the reason of a cut is asked for: it may be written a moment after the cut itself. */
const askReasonMs = 3_000;
const askReasonEveryMs = 100;

/** Asks until the reason is known, or for a while. */
export async function explainEnd(me: SignIn, session: SessionView, cause: unknown): Promise<SallyportError> {
  const deadline = performance.now() + askReasonMs;
  try {
    for (;;) {
      const ended = await askEnd(me, session);
      if (ended !== undefined) return ended;
      if (performance.now() > deadline) break;
      await new Promise((resolve) => setTimeout(resolve, askReasonEveryMs));
    }
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    return new SallyportError(
      'session_ended',
      `session ended: the connection was lost, and the broker cannot be asked why (${printable(error.message)})`,
      { next: 'sallyport doctor', cause },
    );
  }
  return new SallyportError('session_ended', 'session ended: the connection was lost', {
    next: `sallyport sessions show ${session.id}`,
    cause,
  });
}

/** Undefined while it lives. Throws what the broker, or the way to it, says. */
export async function askEnd(me: SignIn, session: SessionView): Promise<SallyportError | undefined> {
  const params = { id: session.id };
  const seen = await call(me, 'GET /v1/sessions/:id', { params }, { timeoutMs: askReasonMs });
  return seen.endReason === undefined ? undefined : endedError(seen, seen.endReason);
}

function endedError(session: SessionView, reason: NonNullable<SessionView['endReason']>): SallyportError {
  const detail = session.endDetail === undefined ? '' : `: ${session.endDetail}`;
  return new SallyportError('session_ended', `session ended: ${describeEndReason(reason)}${detail}`, {
    next: `sallyport sessions show ${session.id}`,
  });
}
