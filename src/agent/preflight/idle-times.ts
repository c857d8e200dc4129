// How long a connection that says nothing is tried, and what the results mean for an agent that pings every
// 15 s. Pure.

import { formatDuration } from '../../core/duration.ts';
import { limits } from '../../core/limits.ts';
import { bad, good, type Verdict } from './check.ts';

export interface IdleResult {
  readonly forMs: number;
  readonly hasSurvived: boolean;
}

const stepsMax = 8;
const shortestMs = 1_000;

/** The longest, its half, a quarter and so on, and the ping's own interval: shortest first. */
export function idleTimes(maxMs: number): readonly number[] {
  const times = new Set<number>();
  if (maxMs >= limits.pingIntervalMs) times.add(limits.pingIntervalMs);
  const least = Math.max(shortestMs, maxMs >= limits.pingIntervalMs ? limits.pingIntervalMs : 0);
  for (let ms = maxMs; ms >= least && times.size < stepsMax; ms = Math.round(ms / 2)) times.add(ms);
  return [...times].sort((one, two) => one - two);
}

export function judgeIdle(results: readonly IdleResult[]): Verdict {
  const lost = results.filter(({ hasSurvived }) => !hasSurvived).map(({ forMs }) => forMs);
  const firstLost = Math.min(...lost);
  const survived = results.filter(({ hasSurvived, forMs }) => hasSurvived && forMs < firstLost);
  const longest = Math.max(0, ...survived.map(({ forMs }) => forMs));
  const ping = formatDuration(limits.pingIntervalMs);
  const kept = longest === 0 ? undefined : `an idle connection survived ${formatDuration(longest)}`;
  if (lost.length === 0) {
    return longest >= limits.pingIntervalMs
      ? good(`${kept ?? ''}, the longest that was tried: a ping every ${ping} is often enough`)
      : good(
          `${kept ?? ''}, the longest that was tried`,
          `try at least ${ping}, the agent's ping: --nat-max 1m`,
        );
  }
  const gone = `${kept === undefined ? 'an idle connection' : `${kept} and`} was forgotten within ${formatDuration(firstLost)}`;
  if (longest < limits.pingIntervalMs) {
    return bad(
      `${gone}: less than the ${ping} between the agent's pings, so links would be lost while nobody works on them`,
      'ask who runs the NAT, firewall or proxy on the way to let idle TCP connections live for minutes (RFC 5382 says two hours)',
    );
  }
  return longest < 2 * limits.pingIntervalMs
    ? good(
        `${gone}: a ping every ${ping} is often enough, and none may get lost`,
        'a longer time for idle TCP connections, on the way, would be safer',
      )
    : good(`${gone}: a ping every ${ping} is often enough`);
}
