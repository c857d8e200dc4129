// Why a link that was up is gone, in words for the device's owner, where it may not be the broker's doing:
// proxies end connections that live long, and do not say so. Pure.

import { formatDuration } from '../core/duration.ts';
import { SallyportError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import type { SessionEnd } from '../link/session-life.ts';

export interface LinkEndFacts {
  readonly end: SessionEnd;
  readonly livedMs: number;
  /** "host:port" of the proxy that it went through. */
  readonly proxy: string | undefined;
  /** "host:port" of the broker. */
  readonly address: string;
}

/** Undefined where there is nothing to mend on the way. */
export function linkEndFault(facts: LinkEndFacts): SallyportError | undefined {
  const { end, livedMs, proxy, address } = facts;
  // A broker that stops, or sends its links away, says GOAWAY: with a time to come back, or with a code.
  const isPlainEnd = end.reason === 'peer_closed' && end.comeBack === undefined && end.error === undefined;
  if (proxy === undefined || !(isPlainEnd || end.reason === 'socket')) return undefined;
  return new SallyportError(
    'unavailable',
    `the link through the proxy "${printable(proxy)}" was ended after ${formatDuration(livedMs)}, without a word from the broker`,
    {
      next: `if it happens again after about as long, it is the proxy: ask who runs it to let connections to "${address}" live`,
    },
  );
}
