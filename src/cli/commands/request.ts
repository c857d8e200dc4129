// sallyport request TARGET --for D --reason R: asks for access that needs approvals.

import { requestActions, type RequestAction } from '../../core/request.ts';
import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { call } from '../api.ts';
import type { CommonOptions } from '../catalogue/spec.ts';
import { readTarget } from '../channel/open-session.ts';
import { aheadFlag, durationFlag } from '../moment.ts';
import { print, printFields, printJson } from '../output.ts';
import { loadSignIn } from '../profile.ts';
import { awaitDecision, exitOf } from '../requests/await-decision.ts';
import { contentFields, stateFields } from '../requests/request-text.ts';

interface Options extends CommonOptions {
  readonly target: string;
  readonly for: string;
  readonly reason: string;
  readonly ticket?: string;
  readonly at?: string;
  readonly kind?: readonly string[];
  readonly command?: readonly string[];
  readonly path?: readonly string[];
  readonly wait?: boolean;
}

export async function run(options: Options): Promise<number> {
  const now = Date.now();
  const target = readTarget(options.target);
  const forMs = durationFlag('for', options.for) ?? 0;
  const startAt = aheadFlag('at', options.at, now);
  const actions = options.kind?.map(readAction);
  const me = loadSignIn(options, now);
  const { approvers, ...filed } = await call(me, 'POST /v1/requests', {
    body: {
      target,
      forMs,
      reason: options.reason,
      ...(actions === undefined ? {} : { actions }),
      ...(options.command === undefined ? {} : { commands: [...options.command] }),
      ...(options.path === undefined ? {} : { paths: [...options.path] }),
      ...(options.ticket === undefined ? {} : { ticket: options.ticket }),
      ...(startAt === undefined ? {} : { startAt }),
    },
  });
  if (options.json !== true) {
    printFields([
      ...contentFields(filed, now),
      ...stateFields(filed, now),
      ['who can', approvers.map((name) => printable(name)).join(', ')],
    ]);
  }
  if (options.wait !== true) {
    if (options.json === true) printJson({ ...filed, approvers });
    else print(`one of them types: sallyport approve ${printable(filed.id)}`);
    return 0;
  }
  if (options.json !== true) print(`waiting; one of them types: sallyport approve ${printable(filed.id)}`);
  const decided = await awaitDecision(me, filed.id);
  if (options.json === true) printJson({ ...decided, approvers });
  else printFields(stateFields(decided, Date.now()));
  return exitOf(decided);
}

function readAction(typed: string): RequestAction {
  const action = requestActions.find((known) => known === typed);
  if (action !== undefined) return action;
  throw new SallyportError('invalid', `"${printable(typed, 40)}" is nothing to ask for`, {
    next: `say one of ${requestActions.join(', ')}`,
  });
}
