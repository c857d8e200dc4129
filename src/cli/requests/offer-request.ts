// In a terminal, who is refused for lack of an approval need not type another command: he is asked for the reason,
// the request is filed, and the work goes on once it is approved.

import { createInterface } from 'node:readline/promises';
import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { RequestAction } from '../../core/request.ts';
import { call } from '../api.ts';
import type { SignIn } from '../profile.ts';
import { awaitDecision, exitOf } from './await-decision.ts';

export interface Offer {
  readonly target: string;
  readonly action: RequestAction;
  readonly forMs: number | undefined;
  readonly ticket: string | undefined;
}

const usualMs = 30 * 60_000;

/** What `open` gives once the approval is there that it failed for. Throws `error` where none is asked for. */
export async function afterApproval<T>(
  me: SignIn,
  offer: Offer,
  { error, open }: { readonly error: unknown; readonly open: () => Promise<T> },
): Promise<T> {
  const isLacking = error instanceof SallyportError && error.code === 'approval_required';
  if (!isLacking || !process.stdin.isTTY || !process.stderr.isTTY) throw error;
  process.stderr.write(`sallyport: ${error.message}\n`);
  const reason = await askReason();
  if (reason === '') throw error;
  await fileAndWait(me, offer, reason);
  return await open();
}

async function askReason(): Promise<string> {
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await reader.question('to ask for it now, say why (empty: no): ')).trim();
  } finally {
    reader.close();
  }
}

async function fileAndWait(me: SignIn, offer: Offer, reason: string): Promise<void> {
  const { target, action, forMs, ticket } = offer;
  const filed = await call(me, 'POST /v1/requests', {
    body: {
      target,
      actions: [action],
      forMs: forMs ?? usualMs,
      reason,
      ...(ticket === undefined ? {} : { ticket }),
    },
  });
  const who = filed.approvers.map((name) => printable(name)).join(', ');
  process.stderr.write(`${filed.id} waits for ${filed.needed} of: ${who}\n`);
  const decided = await awaitDecision(me, filed.id);
  if (exitOf(decided) === 0) return;
  const why = decided.denyReason === undefined ? '' : `: ${printable(decided.denyReason)}`;
  throw new SallyportError('denied', `the request was ${decided.state}${why}`, {
    next: `sallyport requests show ${decided.id}`,
  });
}
