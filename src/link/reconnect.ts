// The dial loop of an agent: one link at a time, for as long as it is wanted. The schedule is in
// core/backoff.ts; how to dial, and what a link is, is handed in.

import { freshBackoff, nextDial, type ComeBack } from '../core/backoff.ts';
import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';

export interface DialledLink {
  readonly closed: Promise<{ readonly comeBack?: ComeBack | undefined }>;
  abort(error?: Error): void;
}

export type DialState<L> =
  | { readonly state: 'dialling' }
  | { readonly state: 'up'; readonly link: L }
  /** `error`: why the dial failed; absent when a link was up and ended. */
  | { readonly state: 'waiting'; readonly waitMs: number; readonly error?: Error }
  | { readonly state: 'stopped' };

export interface KeepDiallingOptions<L extends DialledLink> {
  /** One attempt, with its own deadlines; gives up when the signal says so. */
  readonly dial: (signal: AbortSignal) => Promise<L>;
  readonly clock: Clock;
  readonly random: Random;
  /** Stops the loop: a dial under way is given up, a live link aborted. */
  readonly signal: AbortSignal;
  readonly onState?: (state: DialState<L>) => void;
}

/** Resolves once the signal stopped it and the last link is closed; never rejects. */
export async function keepDialling<L extends DialledLink>(options: KeepDiallingOptions<L>): Promise<void> {
  const { clock, random, signal, onState } = options;
  let backoff = freshBackoff;
  while (!signal.aborted) {
    onState?.({ state: 'dialling' });
    const attempt = await dialOnce(options);
    let livedMs: number | undefined;
    let comeBack: ComeBack | undefined;
    if (attempt.link !== undefined) {
      const upAt = clock.bootMs();
      ({ comeBack } = await untilClosed(attempt.link, options));
      livedMs = clock.bootMs() - upAt;
    }
    if (signal.aborted) break;
    const next = nextDial(backoff, { livedMs, comeBack, fraction: random.fraction() });
    backoff = next.backoff;
    onState?.({
      state: 'waiting',
      waitMs: next.waitMs,
      ...(attempt.error === undefined ? {} : { error: attempt.error }),
    });
    await wait(clock, next.waitMs, signal);
  }
  onState?.({ state: 'stopped' });
}

type Attempt<L> =
  | { readonly link: L; readonly error?: undefined }
  | { readonly link?: undefined; readonly error: Error };

async function dialOnce<L extends DialledLink>(options: KeepDiallingOptions<L>): Promise<Attempt<L>> {
  try {
    return { link: await options.dial(options.signal) };
  } catch (error) {
    return { error: error instanceof Error ? error : new Error('the dial failed', { cause: error }) };
  }
}

async function untilClosed<L extends DialledLink>(
  link: L,
  { signal, onState }: KeepDiallingOptions<L>,
): Promise<{ readonly comeBack?: ComeBack | undefined }> {
  const onAbort = (): void => link.abort();
  // A dial may win the race against the stop.
  if (signal.aborted) onAbort();
  else {
    signal.addEventListener('abort', onAbort, { once: true });
    onState?.({ state: 'up', link });
  }
  const end = await link.closed;
  signal.removeEventListener('abort', onAbort);
  return end;
}

function wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.setTimer(ms, done);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
