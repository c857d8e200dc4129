// sallyport breakglass review ID --review TEXT

import { printable } from '../../../core/printable.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printJson } from '../../output.ts';
import { freshSignIn } from '../../renewal.ts';

interface Options extends CommonOptions {
  readonly id: string;
  readonly review: string;
}

export async function run(options: Options): Promise<number> {
  const me = await freshSignIn(options, Date.now());
  const { id, review } = options;
  const use = await call(me, 'POST /v1/break-glass/:id/review', { params: { id }, body: { review } });
  if (options.json === true) printJson(use);
  else {
    print(`reviewed: ${printable(use.who)} on ${printable(use.target)}`);
    if (use.lock !== undefined)
      print(`the lock for want of a review stands; lift it: sallyport unlock ${use.lock}`);
  }
  return 0;
}
