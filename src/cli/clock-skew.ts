// How far the clock here is from the broker's, by the Date of one answer. Asked without judging the
// certificate's dates: a clock that is a day off is exactly what makes those fail, and what the answer
// says is used for nothing but words.

import { request } from 'node:https';
import { SallyportError } from '../core/errors.ts';
import { parseAddress, serverName } from '../link/address.ts';
import { describeTlsFault } from '../link/tls-fault.ts';
import type { Profile } from './profile.ts';

/** Positive: the clock here is ahead. To the second, as HTTP dates are. */
export function measureSkew(profile: Profile, timeoutMs: number): Promise<number> {
  const { host, port } = parseAddress(profile.broker);
  return new Promise((resolve, reject) => {
    const sentAt = Date.now();
    const asked = request({
      host,
      port,
      servername: serverName(host),
      path: '/v1/health',
      agent: false,
      rejectUnauthorized: false,
      timeout: timeoutMs,
    });
    asked.once('response', (response) => {
      response.resume();
      const date = Date.parse(response.headers.date ?? '');
      const middle = (sentAt + Date.now()) / 2;
      if (Number.isNaN(date)) {
        reject(new SallyportError('unavailable', `"${profile.broker}" does not say what time it is there`));
        return;
      }
      const skewMs = middle - date;
      // The header has whole seconds, rounded down.
      resolve(Math.abs(skewMs) <= 1_500 ? 0 : skewMs);
    });
    asked.once('timeout', () =>
      asked.destroy(
        new SallyportError(
          'unavailable',
          `"${profile.broker}" did not answer within ${timeoutMs / 1_000} s`,
          {
            next: 'check the network, and that the broker runs',
          },
        ),
      ),
    );
    asked.once('error', (error) => reject(describeTlsFault(error, profile.broker)));
    asked.end();
  });
}
