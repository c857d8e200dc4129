// sallyport policy explain IDENTITY ACTION [TARGET]: no target for what somebody does with the broker itself.

import { actions, houseActions, type Action, type HouseAction } from '../../../core/decision.ts';
import { formatDuration } from '../../../core/duration.ts';
import { SallyportError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import { call, type Answer } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printFields, printJson, tone } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { nearest } from '../../suggest.ts';

interface Options extends CommonOptions {
  readonly identity: string;
  readonly action: string;
  readonly target?: string;
  readonly command?: string;
  readonly request?: string;
}

type Explained = Answer<'GET /v1/policies/explain'>;

export async function run(options: Options): Promise<number> {
  const action = readAction(options);
  const me = loadSignIn(options, Date.now());
  const { identity, target, command, request } = options;
  const explained = await call(me, 'GET /v1/policies/explain', {
    query: {
      identity,
      ...(target === undefined ? {} : { target }),
      action,
      ...(command === undefined ? {} : { command }),
      ...(request === undefined ? {} : { request }),
    },
  });
  if (options.json === true) printJson(explained);
  else printExplained(explained, options);
  return 0;
}

function printExplained(explained: Explained, asked: Options): void {
  const isYes = explained.outcome === 'allow' && explained.lock === undefined;
  const verdict = isYes ? tone('good', 'yes') : tone('bad', 'no');
  print(
    `${verdict}: "${printable(asked.identity)}" ${asked.action}${asked.target === undefined ? '' : ` on "${printable(asked.target)}"`}`,
  );
  printFields([
    ['because', explained.code],
    ['lock', explained.lock],
    ['decided by', explained.policies.join(', ')],
    ['policy revision', explained.revision],
    ['ends after', duration(explained.obligations?.maxSessionMs)],
    ['ends when idle for', duration(explained.obligations?.idleMs)],
    ['user on the device', explained.obligations?.user],
    ['approvals', approvedText(explained.obligations)],
    ['own passkey', mfaText(explained.obligations?.mfaMs)],
  ]);
  for (const help of explained.help) print(`what would help: ${printable(help, 600)}`);
  for (const one of explained.considered) {
    const said =
      one.error === undefined ? (one.matched ? 'matches' : 'does not match') : `error: ${one.error}`;
    print(`  ${one.effect} "${printable(one.policy)}" ${printable(said, 600)}`);
  }
}

function approvedText(obligations: Explained['obligations']): string | undefined {
  const { approvers, approvedBy } = obligations ?? {};
  if (approvers === undefined) return undefined;
  return `${approvers} needed${approvedBy === undefined ? '' : ', each by a passkey'}, and given`;
}

function mfaText(ms: number | undefined): string | undefined {
  if (ms === undefined) return undefined;
  return ms === 0 ? 'said yes to exactly this' : `said yes within ${formatDuration(ms)}`;
}

function duration(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : formatDuration(ms);
}

function readAction({ action: typed, target }: Options): Action | HouseAction {
  const house = houseActions.find((known) => known === typed);
  if (house !== undefined && target === undefined) return house;
  if (house !== undefined) {
    throw new SallyportError('invalid', `"${house}" is done with the broker itself`, {
      next: 'leave the target out',
    });
  }
  const action = parseAction(typed);
  if (target !== undefined) return action;
  throw new SallyportError('invalid', `"${action}" needs a target`, {
    next: `sallyport policy explain IDENTITY ${action} TARGET; without one: ${houseActions.join(', ')}`,
  });
}

/** Throws `invalid`. */
export function parseAction(typed: string): Action {
  const action = actions.find((known) => known === typed);
  if (action !== undefined) return action;
  const guess = nearest(typed, actions);
  throw new SallyportError('invalid', `"${printable(typed, 60)}" is not an action`, {
    next: `${guess === undefined ? '' : `did you mean "${guess}"? `}actions are: ${actions.join(', ')}`,
  });
}
