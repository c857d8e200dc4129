// A command that waits for a device that is away: it asks, waits at the broker until the device is back, and
// asks again. The broker may be restarted meanwhile: then it is waited for too.

import { setTimeout as pause } from 'node:timers/promises';
import { paramsToJson } from '../../core/channel.ts';
import { formatDuration } from '../../core/duration.ts';
import { SallyportError, type ErrorCode } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { call } from '../api.ts';
import { localTime } from '../moment.ts';
import type { SignIn } from '../profile.ts';
import { actingUnder, type OperatorSession, type SessionRequest } from './open-session.ts';

/** Between two tries at a broker that does not answer, and after a link that was lost at once. */
const againMs = 2_000;

const passing: ReadonlySet<ErrorCode> = new Set(['device_offline', 'unavailable']);

/** Throws `still_away` when it did not come back, and any other no at once. */
export async function openWhenBack(
  me: SignIn,
  request: SessionRequest,
  wait: { readonly forMs: number; readonly open: () => Promise<OperatorSession> },
): Promise<OperatorSession> {
  const until = Date.now() + wait.forMs;
  let isTold = false;
  for (;;) {
    try {
      return await wait.open();
    } catch (error) {
      if (!isPassing(error)) throw error;
      if (!isTold && process.stderr.isTTY) process.stderr.write(waitingText(error, until));
      isTold = true;
    }
    if (Date.now() >= until) {
      throw new SallyportError(
        'still_away',
        `"${printable(request.target)}" did not come back within ${formatDuration(wait.forMs)}`,
        { next: 'wait longer with --wait, or look at the device: sallyport agent status' },
      );
    }
    await untilBack(me, request, until);
  }
}

async function untilBack(me: SignIn, request: SessionRequest, until: number): Promise<void> {
  const waitMs = Math.max(1, Math.min(until - Date.now(), limits.deviceWaitMaxMs));
  const { target, ticket } = request;
  const params = { ...paramsToJson(request.params) };
  const body = { target, params, waitMs, ...(ticket === undefined ? {} : { ticket }), ...actingUnder() };
  const patience = { timeoutMs: waitMs + limits.apiRequestTimeoutMs };
  try {
    await call(me, 'POST /v1/sessions/wait', { body }, patience);
  } catch (error) {
    if (!isPassing(error)) throw error;
    await pause(Math.min(againMs, Math.max(0, until - Date.now())));
  }
}

function isPassing(error: unknown): error is SallyportError {
  return error instanceof SallyportError && passing.has(error.code);
}

function waitingText(error: SallyportError, until: number): string {
  const when = localTime(new Date(until).toISOString()) ?? '';
  return `sallyport: ${printable(error.message, 300)}; waiting for it until ${when} (Ctrl-C ends that)\n`;
}
