// Where policy wants a passkey's yes to exactly this session: the terminal shows where to give it, waits, and goes on.
// One at a time: what is said yes to once may be enough for the next of many.

import { setTimeout as pause } from 'node:timers/promises';
import { paramsToJson, type ChannelParams } from '../../core/channel.ts';
import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { call } from '../api.ts';
import { localTime } from '../moment.ts';
import { openBrowser } from '../open-browser.ts';
import type { SignIn } from '../profile.ts';

const askEveryMs = 1_000;

let turn: Promise<unknown> = Promise.resolve();

export interface StepUpFor<T> {
  readonly target: string;
  readonly params: ChannelParams;
  /** Opens it; with the id of a step-up that was said yes to. */
  readonly open: (stepUp?: string) => Promise<T>;
}

/** What `open` gives once the passkey said yes that it failed for. Throws `error` where there is no terminal. */
export async function afterStepUp<T>(me: SignIn, error: unknown, wanted: StepUpFor<T>): Promise<T> {
  if (!isWanting(error) || !process.stderr.isTTY) throw error;
  const mine = turn.then(async () => await stepUp(me, wanted));
  turn = mine.catch(() => undefined);
  return await mine;
}

export function isWanting(error: unknown): error is SallyportError {
  return error instanceof SallyportError && error.code === 'mfa_required';
}

async function stepUp<T>(me: SignIn, { target, params, open }: StepUpFor<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (!isWanting(error)) throw error;
    const asked = await call(me, 'POST /v1/step-ups', {
      body: { target, params: { ...paramsToJson(params) } },
    });
    process.stderr.write(
      `sallyport: ${error.message}: ${printable(asked.url)}\nwaiting until ${localTime(asked.expiresAt) ?? ''}; Ctrl-C gives up\n`,
    );
    openBrowser(asked.url);
    await untilConfirmed(me, asked.id);
    return await open(asked.id);
  }
}

async function untilConfirmed(me: SignIn, id: string): Promise<void> {
  for (;;) {
    await pause(askEveryMs);
    try {
      const { confirmed } = await call(me, 'GET /v1/step-ups/:id/state', { params: { id } });
      if (confirmed) return;
    } catch (error) {
      if (!(error instanceof SallyportError) || error.code !== 'not_found') throw error;
      throw new SallyportError('mfa_required', 'your passkey did not say yes in time', { next: 'try again' });
    }
  }
}
