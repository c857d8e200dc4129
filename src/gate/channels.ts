// The operators' connections and their channels. For each channel: ask the authority, open the agent's
// stream with the pass, join the two; nothing reaches the device before the authority said yes, and no
// frame is looked into. What the operator sends meanwhile waits in his own stream's window.

import type { ComeBack } from '../core/backoff.ts';
import { isPeer } from '../core/destination.ts';
import { SallyportError, type ErrorCode } from '../core/errors.ts';
import { parseJsonObject } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import type { ByteStream, Trailers } from '../link/byte-stream.ts';
import { readProblem, type Answer } from '../link/client-session.ts';
import { pump, type PumpOutcome } from '../link/pump.ts';
import type { RateBudget } from '../link/rate-budget.ts';
import type { IncomingRequest, ServedSession } from '../link/served-session.ts';
import { newResetBudget, serveChannels } from '../link/session.ts';
import type { WaitReason } from '../link/wait-reason.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { ChannelAccepted, ChannelEnd } from '../wire/control.ts';
import type { Authority } from './authority-client.ts';
import { readChannelHead, type ChannelHead } from './channel-head.ts';
import type { LiveLink } from './links.ts';
import type { Seat, Sessions } from './sessions.ts';
import type { Arrival } from './tls.ts';

export interface ChannelsOptions {
  readonly authority: Authority;
  readonly links: { find(link: string): LiveLink | undefined };
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly log: Log;
  readonly bounds: {
    readonly pingIntervalMs: number;
    readonly peerDeadAfterMs: number;
    readonly controlRequestTimeoutMs: number;
    readonly connectionsPerIdentityMax: number;
  };
}

/** One operator's connection. */
interface Operator {
  readonly arrival: Arrival;
  readonly served: ServedSession;
  /** Channels about which the authority is being asked. */
  asking: number;
  hasLeft: boolean;
}

export class Channels {
  readonly #options: ChannelsOptions;
  readonly #operators = new Set<Operator>();
  /** One budget of stream resets for all connections of one identity, as long as it has any. */
  readonly #budgets = new Map<string, { readonly budget: RateBudget; connections: number }>();
  #comeBack: ComeBack | undefined;

  constructor(options: ChannelsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#operators.size;
  }

  /** Serves an operator until his connection ends. */
  async arrive(arrival: Arrival): Promise<void> {
    const { clock, bounds, log, sessions } = this.#options;
    const identity = arrival.peer.id;
    const budget = this.#budgets.get(identity) ?? { budget: newResetBudget(clock), connections: 0 };
    if (budget.connections >= bounds.connectionsPerIdentityMax) return this.#turnAway(arrival);
    this.#budgets.set(identity, budget);
    budget.connections++;
    const served = serveChannels(arrival.socket, (request) => this.#serve(operator, request), {
      clock,
      resets: budget.budget,
      pingIntervalMs: bounds.pingIntervalMs,
      peerDeadAfterMs: bounds.peerDeadAfterMs,
    });
    const operator: Operator = { arrival, served, asking: 0, hasLeft: false };
    this.#operators.add(operator);
    if (this.#comeBack !== undefined) void served.close(this.#comeBack);
    const end = await served.closed;
    this.#operators.delete(operator);
    if (--budget.connections === 0) this.#budgets.delete(identity);
    log.debug({ identity, reason: end.reason }, 'an operator left');
    operator.hasLeft = true;
    sessions.operatorLeft(operator);
  }

  /** One of too many of the same identity: what it asks would never be looked at. */
  #turnAway({ socket, peer, remoteAddress }: Arrival): void {
    socket.destroy();
    const body = { door: 'channel', fault: 'too_many', peer: peer.id, remoteAddress } as const;
    this.#options.authority.report({ path: '/gate/refusals', body });
  }

  /** GOAWAY to all; live channels may finish. Resolves when all are gone. */
  async drain(comeBack: ComeBack): Promise<void> {
    this.#comeBack = comeBack;
    await Promise.all([...this.#operators].map(({ served }) => served.close(comeBack)));
  }

  abort(): void {
    for (const { served } of this.#operators) served.abort(new Error('the gate was stopped'));
  }

  async #serve(operator: Operator, request: IncomingRequest): Promise<void> {
    const head = this.#readHead(operator, request);
    const accepted = await this.#ask(operator, head);
    let seat: Seat | undefined;
    const report = (end: HowItEnded): void => {
      const nth = seat === undefined ? {} : { nth: seat.takeNumber() };
      const body = { session: head.session, ...nth, n: accepted.n, ...end };
      this.#options.authority.report({ path: '/gate/channels/closed', body });
    };
    let answer: Answer;
    try {
      seat = this.#seat(operator, head, accepted);
      const onWaiting = (wait: WaitReason): void => request.inform(wait);
      answer = await this.#openOnLink(head, accepted, { seat, operatorGone: request.signal, onWaiting });
    } catch (error) {
      report({ ended: 'refused', code: codeOf(error), bytesUp: 0, bytesDown: 0 });
      // A refusal is not a cut; an opening that was given up because he left is.
      seat?.leave(!request.signal.aborted);
      throw error;
    }
    const peer = answer.headers['sallyport-peer'];
    const told = isPeer(peer) ? { peer } : {};
    const { clock } = this.#options;
    const openedAt = clock.bootMs();
    const operatorEnd = request.accept(isPeer(peer) ? { 'sallyport-peer': peer } : {});
    const end = endOf(await this.#join(operatorEnd, answer.stream, seat));
    report({ ...end, ...told, durationMs: Math.round(clock.bootMs() - openedAt) });
    seat.leave(end.ended === 'clean');
  }

  /** Whom the authority is not asked about, it is told of. */
  #readHead(operator: Operator, request: IncomingRequest): ChannelHead {
    const { peer, remoteAddress } = operator.arrival;
    try {
      if (operator.asking >= limits.sessionsPerIdentityMax) {
        throw new SallyportError('rate_limited', `${operator.asking} channels are being opened already`, {
          next: 'wait until some of them are open',
        });
      }
      return readChannelHead(request);
    } catch (error) {
      const body = { door: 'request', fault: codeOf(error), peer: peer.id, remoteAddress } as const;
      this.#options.authority.report({ path: '/gate/refusals', body });
      throw error;
    }
  }

  async #ask(operator: Operator, head: ChannelHead): Promise<ChannelAccepted> {
    const { authority, sessions } = this.#options;
    const { certificate, remoteAddress } = operator.arrival;
    operator.asking++;
    const isHeard = authority.isLive;
    try {
      const { session, open, params } = head;
      return await authority.acceptChannel({ session, certificate, open, params, remoteAddress });
    } catch (error) {
      // It may have said yes, and nobody heard: such a session has begun there, and nothing here would end it.
      const isLost = isHeard && codeOf(error) === 'unavailable' && !sessions.ids.includes(head.session);
      if (isLost) {
        const body = { session: head.session, reason: 'shutdown' } as const;
        authority.report({ path: '/gate/sessions/ended', body });
      }
      throw error;
    } finally {
      operator.asking--;
    }
  }

  #seat(operator: Operator, head: ChannelHead, accepted: ChannelAccepted): Seat {
    const { sessions } = this.#options;
    const { link, idleMs, mustEndAt } = accepted;
    const seat = sessions.seat({ session: head.session, operator, link, idleMs, mustEndAt });
    if (seat === undefined) {
      const next = 'open a new session';
      throw sessions.hasEnded(head.session)
        ? new SallyportError('denied', 'the session was ended', { next })
        : new SallyportError('conflict', 'the session belongs to another connection', { next });
    }
    if (!operator.hasLeft) return seat;
    // He left while the authority was asked: with this yes his session began, and so it has to be ended.
    seat.leave(false);
    sessions.end(head.session, 'operator_gone');
    throw new SallyportError('unavailable', 'the connection is closed');
  }

  /** Whatever changed while the authority was asked counts now. */
  async #openOnLink(
    head: ChannelHead,
    accepted: ChannelAccepted,
    until: {
      readonly seat: Seat;
      readonly operatorGone: AbortSignal;
      readonly onWaiting: (wait: WaitReason) => void;
    },
  ): Promise<Answer> {
    const link = this.#options.links.find(accepted.link);
    if (link === undefined) {
      throw new SallyportError('device_offline', 'the device has no live link', {
        next: 'see "sallyport devices ls", and try again when it is online',
      });
    }
    await link.welcomed;
    // Only the opening is given up when the operator goes: once the two are joined, the pump says how it ends.
    const opening = new AbortController();
    const giveUp = (): void => opening.abort();
    const signals = [until.seat.signal, until.operatorGone];
    for (const signal of signals) signal.addEventListener('abort', giveUp, { once: true });
    if (signals.some((signal) => signal.aborted)) giveUp();
    try {
      const answer = await link.session.request({
        path: `/channels/${head.kind}`,
        headers: {
          'sallyport-pass': accepted.pass,
          'sallyport-open': head.open,
          'sallyport-params': head.encodedParams,
          ...(accepted.approval === undefined ? {} : { 'sallyport-approval': accepted.approval }),
        },
        signal: opening.signal,
        answerWithinMs: this.#options.bounds.controlRequestTimeoutMs,
        onWaiting: until.onWaiting,
      });
      if (answer.status === 200) return answer;
      throw await readProblem(answer);
    } finally {
      for (const signal of signals) signal.removeEventListener('abort', giveUp);
    }
  }

  #join(operator: ByteStream, agent: ByteStream, seat: Seat): Promise<PumpOutcome> {
    return pump(operator, agent, {
      signal: seat.signal,
      onBytes: (_direction, chunk) => seat.count(chunk.length),
    });
  }
}

type HowItEnded = Omit<ChannelEnd, 'n' | 'nth'>;

/**
 * The device's direction decides: it ends cleanly when the command or shell is over, and an operator who
 * leaves right after has cut nothing, though his own direction never ended.
 */
function endOf(outcome: PumpOutcome): HowItEnded {
  const isClean = outcome.trailersFromB !== undefined && outcome.by !== 'signal';
  const exit = exitOf(outcome.trailersFromB);
  return {
    ended: isClean ? 'clean' : 'cut',
    ...(exit === undefined ? {} : { exit }),
    bytesUp: outcome.bytesAToB,
    bytesDown: outcome.bytesBToA,
  };
}

/** As the agent stated it in its trailer; anything else is no exit. */
function exitOf(trailers: Trailers | undefined): ChannelEnd['exit'] {
  const stated = trailers?.['sallyport-exit'];
  const fields = stated === undefined ? undefined : parseJsonObject(stated);
  if (fields === undefined) return undefined;
  const { code, signal } = fields;
  if (typeof code === 'number' && Number.isInteger(code) && code >= 0 && code <= 255) return { code };
  return typeof signal === 'string' && /^[A-Z0-9+-]{1,20}$/.test(signal) ? { signal } : undefined;
}

function codeOf(error: unknown): ErrorCode {
  return error instanceof SallyportError ? error.code : 'internal';
}
