// How long an idle connection survives on the way to the broker, and with it whatever on that way forgets:
// connections side by side, each silent for a time of its own, which the broker ends by answering. What comes
// back came through; what does not was forgotten.

import { publicAlpn } from '../../wire/alpn.ts';
import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { dialBroker } from '../../link/dial.ts';
import { getOnce } from '../../link/get-once.ts';
import type { OutboundProxy } from '../../link/outbound-proxy.ts';
import { idleTimes, type IdleResult } from './idle-times.ts';

export interface IdleProbe {
  readonly address: string;
  readonly proxy: OutboundProxy | undefined;
  readonly maxMs: number;
  readonly onResult: (result: IdleResult, left: number) => void;
}

/** Throws SallyportError where the broker cannot be asked at all. */
export async function measureIdle({
  address,
  proxy,
  maxMs,
  onResult,
}: IdleProbe): Promise<readonly IdleResult[]> {
  const times = idleTimes(maxMs);
  let left = times.length;
  return await Promise.all(
    times.map(async (forMs) => {
      const result = { forMs, hasSurvived: await survives(forMs, { address, proxy }) };
      left -= 1;
      onResult(result, left);
      return result;
    }),
  );
}

async function survives(
  forMs: number,
  way: { readonly address: string; readonly proxy: OutboundProxy | undefined },
): Promise<boolean> {
  // Nothing is said on it that would be worth anything to anybody, so nobody is judged.
  const socket = await dialBroker({ ...way, alpn: publicAlpn, tls: { rejectUnauthorized: false } });
  const path = `/v1/idle?forMs=${forMs}`;
  const timeoutMs = forMs + limits.preflightStepMs;
  let status: number;
  try {
    ({ status } = await getOnce(socket, { address: way.address, path, timeoutMs }));
  } catch (error) {
    if (error instanceof SallyportError) return false;
    throw error;
  }
  if (status === 200) return true;
  throw new SallyportError('unavailable', `the broker does not measure idle connections (status ${status})`, {
    next: status === 429 ? 'try again later' : 'bring it to the version that runs here',
  });
}
