// The two connections that carry HTTP/2 and both their ends (design section 3). On the agent's link the
// roles are turned round: the agent dialled, and serves; the gate answered the call, and asks. On the
// operator's connection they are as usual. ALPN, certificates and who may come belong to the caller.

import { limits } from '../core/limits.ts';
import { systemClock, type Clock } from '../platform/clock.ts';
import { openClient, type ClientSession } from './client-session.ts';
import { RateBudget } from './rate-budget.ts';
import { serveSession, type Handler, type ServedSession } from './served-session.ts';
import type { CountedSocket, SessionLifeOptions } from './session-life.ts';

/** Gate: asks on the connection that an agent dialled. */
export function openLinkClient(socket: CountedSocket, options: SessionLifeOptions = {}): ClientSession {
  return openClient(socket, options);
}

/** Agent: serves on the connection that it dialled itself. */
export function serveLink(
  socket: CountedSocket,
  handler: Handler,
  options: SessionLifeOptions = {},
): ServedSession {
  const resets = new RateBudget({
    burst: limits.linkResetBurst,
    perSecond: limits.linkResetPerSecond,
    now: bootOf(options.clock),
  });
  return serveSession(socket, { ...options, handler, resets, memoryMib: limits.linkMemoryMib });
}

/** Operator: asks on the connection to the gate. */
export function openChannelClient(socket: CountedSocket, options: SessionLifeOptions = {}): ClientSession {
  return openClient(socket, options);
}

export interface ServeChannelsOptions extends SessionLifeOptions {
  /** The budget of the identity that came, shared by all its connections; one of its own if absent. */
  readonly resets?: RateBudget;
}

/** Gate: serves an operator. */
export function serveChannels(
  socket: CountedSocket,
  handler: Handler,
  options: ServeChannelsOptions = {},
): ServedSession {
  const { resets = newResetBudget(options.clock), ...rest } = options;
  return serveSession(socket, { ...rest, handler, resets, mayWait: true });
}

/** How many streams one operator may reset, over all connections. */
export function newResetBudget(clock?: Clock): RateBudget {
  return new RateBudget({
    burst: limits.streamResetBurst,
    perSecond: limits.streamResetPerSecond,
    now: bootOf(clock),
  });
}

function bootOf(clock: Clock = systemClock): () => number {
  return () => clock.bootMs();
}
