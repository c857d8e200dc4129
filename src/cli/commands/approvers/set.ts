// sallyport approvers set NAME... --threshold N [--for D]

import { SallyportError } from '../../../core/errors.ts';
import { call } from '../../api.ts';
import { shownSet } from '../../approvers/shown-set.ts';
import { setFields } from '../../approvers/set-text.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { durationFlag } from '../../moment.ts';
import { print, printFields, printJson } from '../../output.ts';
import { freshSignIn } from '../../renewal.ts';

interface Options extends CommonOptions {
  readonly names: readonly string[];
  readonly threshold: string;
  readonly for?: string;
}

const yearMs = 365 * 24 * 60 * 60_000;

export async function run(options: Options): Promise<number> {
  const threshold = Number(options.threshold);
  if (!Number.isSafeInteger(threshold) || threshold < 1) {
    throw new SallyportError('invalid', '--threshold is a number of persons', {
      next: 'for example: --threshold 2',
    });
  }
  const now = Date.now();
  const me = await freshSignIn(options, now);
  const made = await call(me, 'POST /v1/approver-sets', {
    body: { persons: [...options.names], threshold, forMs: durationFlag('for', options.for) ?? yearMs },
  });
  if (options.json === true) {
    printJson(made);
    return 0;
  }
  printFields(setFields(shownSet(made), now));
  if (made.follows === undefined) {
    print(`next: take it to each device that wants it: sallyport approvers export --to approvers.json`);
    print('      and there: sallyport agent pin-approvers approvers.json');
  } else {
    print(
      `next: ${made.needed} of the persons of version ${made.follows} say yes to it, in the console or by:`,
    );
    print(`      sallyport approvers sign ${made.version}`);
  }
  return 0;
}
