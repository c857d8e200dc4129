// How far the clock here is from the broker's, by the Date of one answer. Asked without judging the
// certificate's dates: a clock that is a day off is exactly what makes those fail, and what the answer
// says is used for nothing but words.

import { publicAlpn } from '../wire/alpn.ts';
import { SallyportError } from '../core/errors.ts';
import { dialBroker } from '../link/dial.ts';
import { getOnce, skewOf } from '../link/get-once.ts';
import type { Profile } from './profile.ts';
import { proxyTo } from './proxy.ts';

/** Positive: the clock here is ahead. To the second, as HTTP dates are. */
export async function measureSkew(profile: Profile, timeoutMs: number): Promise<number> {
  const { broker: address } = profile;
  const proxy = await proxyTo(address);
  const socket = await dialBroker({
    address,
    proxy,
    alpn: publicAlpn,
    tls: { rejectUnauthorized: false },
    timeoutMs,
  });
  const skewMs = skewOf(await getOnce(socket, { address, path: '/v1/health', timeoutMs }));
  if (skewMs !== undefined) return skewMs;
  throw new SallyportError('unavailable', `"${address}" does not say what time it is there`);
}
