// sallyport changes deny ID [--reason TEXT]

import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

interface Options extends CommonOptions {
  readonly id: string;
  readonly reason?: string;
}

export async function run(options: Options): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const { id, reason } = options;
  const body = reason === undefined ? {} : { reason };
  const after = await call(me, 'POST /v1/changes/:id/deny', { params: { id }, body });
  if (options.json === true) printJson(after);
  else print(`it is ${after.state}`);
  return 0;
}
