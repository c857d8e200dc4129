// A device that never says how it tore a session down: it is asked with its next welcome, since of a session that
// it never heard of it says nothing by itself; after 24 h the session closes `unconfirmed`, and the log says so
// (design section 6). Looked for once a minute.

import type { DeviceId, SessionId } from '../../core/ids.ts';
import { limits } from '../../core/limits.ts';
import { canStep, step } from '../../core/session.ts';
import type { Session } from '../../core/session-record.ts';
import type { AuthorityContext } from '../context.ts';
import type { Sweep } from '../sweep.ts';
import { updateRecord, type RecordChange } from '../store/update-record.ts';

/** The oldest first. */
export async function awaitedReceipts(
  ctx: AuthorityContext,
  device: DeviceId,
): Promise<readonly SessionId[]> {
  const page = await ctx.store.list(
    'session',
    { awaitsReceipt: true, device },
    { limit: limits.receiptsAskedMax },
  );
  return page.items.map(({ value }) => value.id);
}

export const receiptSweep: Sweep = {
  everyMs: limits.receiptSweepMs,
  failure: 'could not close sessions without receipt',
  run: closeUnconfirmed,
};

export async function closeUnconfirmed(ctx: AuthorityContext): Promise<void> {
  const before = ctx.clock.now() - limits.receiptWaitMs;
  let after: string | undefined;
  do {
    const page = await ctx.store.list(
      'session',
      { awaitsReceipt: true },
      after === undefined ? {} : { after },
    );
    for (const { value } of page.items) {
      if ((value.endedAt ?? ctx.clock.now()) > before) continue;
      await updateRecord(ctx.store, { kind: 'session', id: value.id }, (session) =>
        session.teardown === 'pending' ? unconfirmed(ctx, session) : undefined,
      );
    }
    after = page.next;
  } while (after !== undefined);
}

function unconfirmed(ctx: AuthorityContext, session: Session): RecordChange<'session'> {
  const life = canStep(session.state, 'close') ? step(session, { type: 'close' }, ctx.clock.now()) : session;
  return {
    value: { ...session, ...life, teardown: 'unconfirmed' },
    events: [
      {
        type: 'teardown.unconfirmed',
        actor: { kind: 'system', id: 'authority' },
        outcome: 'failure',
        identity: session.identity,
        device: session.device,
        session: session.id,
        body: { target: session.target },
      },
    ],
  };
}
