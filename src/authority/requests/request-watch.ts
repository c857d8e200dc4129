// Requests that nobody decided, and grants that nobody used, are over in time, and the log says so. Looked for
// once a minute; whoever asks meanwhile is told by the clock, not by this.

import { limits } from '../../core/limits.ts';
import { endsAt, stepRequest } from '../../core/request.ts';
import { eachRecord } from '../admin/each-record.ts';
import type { AuthorityContext } from '../context.ts';
import type { Sweep } from '../sweep.ts';
import { updateRecord } from '../store/update-record.ts';

export const requestSweep: Sweep = {
  everyMs: limits.requestSweepMs,
  failure: 'could not end requests that are over',
  run: expireRequests,
};

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
