// Waits until a request is decided. It is asked for again and again: who decides may take hours, and a
// connection that is held so long says less about the broker than a short one every few seconds.

import { setTimeout as pause } from 'node:timers/promises';
import type { RequestView } from '../../api/requests.ts';
import { exitStatus, SallyportError } from '../../core/errors.ts';
import { call } from '../api.ts';
import type { SignIn } from '../profile.ts';

const firstMs = 500;
const longestMs = 3_000;
/** A broker that is restarted meanwhile is no end of the wait. */
const missesMax = 20;

/** Resolves with the request once it is no longer pending. */
export async function awaitDecision(me: SignIn, id: string): Promise<RequestView> {
  let misses = 0;
  for (let waitMs = firstMs; ; waitMs = Math.min(longestMs, waitMs * 1.3)) {
    try {
      const request = await call(me, 'GET /v1/requests/:id', { params: { id } });
      if (request.state !== 'pending') return request;
      misses = 0;
    } catch (error) {
      misses += 1;
      const isAway = error instanceof SallyportError && error.code === 'unavailable';
      if (!isAway || misses > missesMax) throw error;
    }
    await pause(waitMs);
  }
}

/** Of a command that waited for it. */
export function exitOf({ state }: RequestView): number {
  if (state === 'approved' || state === 'used') return exitStatus.done;
  return state === 'expired' || state === 'pending' ? exitStatus.waiting : exitStatus.denied;
}
