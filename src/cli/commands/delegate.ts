// sallyport delegate AGENT --target T --kind K --for D [--parent ID]

import { formatDuration } from '../../core/duration.ts';
import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { requestActions, type RequestAction } from '../../core/request.ts';
import { call } from '../api.ts';
import type { CommonOptions } from '../catalogue/spec.ts';
import { readTarget } from '../channel/open-session.ts';
import { durationFlag } from '../moment.ts';
import { print, printJson } from '../output.ts';
import { freshSignIn } from '../renewal.ts';

interface Options extends CommonOptions {
  readonly agent: string;
  readonly target: readonly string[];
  readonly kind: readonly string[];
  readonly for?: string;
  readonly parent?: string;
}

const usualMs = 60 * 60_000;

export async function run(options: Options): Promise<number> {
  const forMs = durationFlag('for', options.for) ?? usualMs;
  const me = await freshSignIn(options, Date.now());
  const made = await call(me, 'POST /v1/delegations', {
    body: {
      actor: options.agent,
      targets: options.target.map(readTarget),
      actions: options.kind.map(readAction),
      forMs,
      ...(options.parent === undefined ? {} : { parent: options.parent }),
    },
  });
  if (options.json === true) printJson(made);
  else {
    const whom = made.chain.map(({ name }) => printable(name)).join(', then ');
    print(`"${printable(made.actor.name)}" acts for ${whom}, for ${formatDuration(forMs)}: ${made.id}`);
    print(`next: where it runs: SALLYPORT_DELEGATION=${made.id} sallyport exec …`);
    print(`      over at any time: sallyport delegations end ${made.id}; it ends with your sign-in, too`);
  }
  return 0;
}

function readAction(typed: string): RequestAction {
  const action = requestActions.find((known) => known === typed);
  if (action !== undefined) return action;
  throw new SallyportError('invalid', `"${printable(typed, 40)}" is nothing to let somebody do`, {
    next: `give --kind ${requestActions.join(', ')}`,
  });
}
