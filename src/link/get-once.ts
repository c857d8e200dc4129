// One GET of a public route on a connection that the caller has looked at, or means to believe nothing from:
// how clocks and versions are compared before anything is pinned. The connection ends with the answer.

import { request as httpsRequest } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { SallyportError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { parseAddress } from './address.ts';
import { describeTlsFault } from './tls-fault.ts';

export interface OneAnswer {
  readonly status: number;
  /** Unix ms from the Date header, which has whole seconds, rounded down; undefined without one. */
  readonly date: number | undefined;
  /** The clock here half-way between question and answer. */
  readonly askedAt: number;
  readonly text: string;
}

/** What is longer than this was not said by a broker. */
const textMaxLength = 64 * 1024;

/** Throws SallyportError with words. */
export async function getOnce(
  socket: TLSSocket,
  options: { readonly address: string; readonly path: string; readonly timeoutMs?: number },
): Promise<OneAnswer> {
  const { address, path } = options;
  const timeoutMs = options.timeoutMs ?? limits.apiRequestTimeoutMs;
  const sentAt = Date.now();
  try {
    return await new Promise((resolve, reject) => {
      const request = httpsRequest({ ...parseAddress(address), path, createConnection: () => socket });
      const deadline = setTimeout(() => request.destroy(late(address, timeoutMs)), timeoutMs);
      request.once('error', reject).once('close', () => clearTimeout(deadline));
      request.once('response', (response) => {
        const askedAt = (sentAt + Date.now()) / 2;
        const date = Date.parse(response.headers.date ?? '');
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text = (text + chunk).slice(0, textMaxLength);
        });
        response.once('error', reject).once('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            date: Number.isNaN(date) ? undefined : date,
            askedAt,
            text,
          }),
        );
      });
      request.end();
    });
  } catch (error) {
    throw describeTlsFault(error, address);
  } finally {
    socket.destroy();
  }
}

/** How far the clock here is ahead, ms; undefined where the answer had no date. What one second hides is 0. */
export function skewOf(answer: Pick<OneAnswer, 'date' | 'askedAt'>): number | undefined {
  if (answer.date === undefined) return undefined;
  const skewMs = answer.askedAt - answer.date;
  return Math.abs(skewMs) <= 1_500 ? 0 : skewMs;
}

function late(address: string, timeoutMs: number): SallyportError {
  return new SallyportError('unavailable', `"${address}" did not answer within ${timeoutMs / 1_000} s`, {
    next: 'check the network, and that the broker runs',
  });
}
