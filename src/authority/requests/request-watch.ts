// Requests that nobody decided, and grants that nobody used, are over in time, and the log says so. Looked for
// once a minute; whoever asks meanwhile is told by the clock, not by this.

import { limits } from '../../core/limits.ts';
import { endsAt, stepRequest } from '../../core/request.ts';
import { eachRecord } from '../admin/each-record.ts';
import type { AuthorityContext } from '../context.ts';
import { updateRecord } from '../store/update-record.ts';

export function startRequestWatch(ctx: AuthorityContext): () => void {
  let timer = ctx.clock.setTimer(limits.requestSweepMs, sweep);
  function sweep(): void {
    expireRequests(ctx).catch((error: unknown) =>
      ctx.log.error({ err: error }, 'could not end requests that are over'),
    );
    timer = ctx.clock.setTimer(limits.requestSweepMs, sweep);
  }
  return () => timer.cancel();
}

export async function expireRequests(ctx: AuthorityContext): Promise<void> {
  const now = ctx.clock.now();
  for await (const { value } of eachRecord(ctx.store, 'request', { filter: { live: true } })) {
    if (endsAt(value) > now) continue;
    await updateRecord(ctx.store, { kind: 'request', id: value.id }, (request) => {
      const state = stepRequest(request.state, 'expire');
      if (state === undefined || endsAt(request) > now) return undefined;
      return {
        value: { ...request, state, decidedAt: now },
        events: [
          {
            type: 'request.expired',
            actor: { kind: 'system', id: 'authority' },
            outcome: 'failure',
            identity: request.requester,
            device: request.device,
            request: request.id,
            body: { target: request.target, was: request.state, approvals: request.approvals.length },
          },
        ],
      };
    });
  }
}
