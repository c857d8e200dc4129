// sallyport agent allow [FOR]: consent of the device's owner, typed on the device itself.

import { resolve } from 'node:path';
import { orderConsent } from '../../../agent/owner/order-agent.ts';
import { formatDuration, parseDuration } from '../../../core/duration.ts';
import { SallyportError } from '../../../core/errors.ts';
import { parseId } from '../../../core/ids.ts';
import { limits } from '../../../core/limits.ts';
import { printable } from '../../../core/printable.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { counted, print, printJson } from '../../output.ts';

export interface AgentAllowOptions extends CommonOptions {
  readonly for?: string;
  readonly session?: string;
  readonly nobody?: boolean;
  readonly state?: string;
}

/** For one session that is named, since somebody looked at who it is. */
const namedForMs = 10 * 60_000;

export async function run(options: AgentAllowOptions): Promise<number> {
  const order = readOrder(options);
  const state = options.state === undefined ? undefined : resolve(options.state);
  const allowed = await orderConsent(order, { state });
  if (options.json === true) {
    printJson(allowed);
    return 0;
  }
  if (order.do === 'allow_nobody') print('nobody is let in any more; who is in stays in');
  else {
    const who = order.session === undefined ? 'sessions' : printable(order.session);
    print(`${who} may begin within ${formatDuration(order.forMs)}`);
    if (allowed.admitted.length > 0)
      print(`${counted(allowed.admitted.length, 'session')} that waited: let in`);
    print('take it back with: sallyport agent allow --nobody');
  }
  if (!allowed.isRequired)
    print('this agent does not require consent: "consent: required" in agent.yaml does');
  return 0;
}

function readOrder(options: AgentAllowOptions): Parameters<typeof orderConsent>[0] {
  const { for: typed, nobody, session } = options;
  if (nobody === true) {
    if (typed === undefined && session === undefined) return { do: 'allow_nobody' };
    throw new SallyportError('invalid', '"--nobody" stands alone', { next: 'sallyport agent allow --help' });
  }
  if (session !== undefined && parseId('ses', session) === undefined) {
    throw new SallyportError('invalid', `"${printable(session, 60)}" is not a session`, {
      next: 'see who waits: sallyport agent status',
    });
  }
  const forMs = typed === undefined ? defaultFor(session) : parseDuration(typed);
  if (forMs === undefined || forMs > limits.consentMaxMs) {
    throw new SallyportError(
      'invalid',
      `"${printable(typed ?? '', 40)}" is not a time to allow sessions for`,
      {
        next: `write 30m or 2h, at most ${formatDuration(limits.consentMaxMs)}`,
      },
    );
  }
  return { do: 'allow', forMs, ...(session === undefined ? {} : { session }) };
}

function defaultFor(session: string | undefined): number {
  if (session !== undefined) return namedForMs;
  throw new SallyportError('invalid', 'for how long', {
    next: 'write sallyport agent allow 30m, or name one session with --session',
  });
}
