// sallyport deny ID: no to a request; or, by who has approved it, the approval is taken back.

import { call } from '../api.ts';
import type { CommonOptions } from '../catalogue/spec.ts';
import { printFields, printJson } from '../output.ts';
import { loadSignIn } from '../profile.ts';
import { stateFields } from '../requests/request-text.ts';

interface Options extends CommonOptions {
  readonly request: string;
  readonly reason?: string;
}

export async function run(options: Options): Promise<number> {
  const now = Date.now();
  const me = loadSignIn(options, now);
  const request = await call(me, 'POST /v1/requests/:id/deny', {
    params: { id: options.request },
    body: options.reason === undefined ? {} : { reason: options.reason },
  });
  if (options.json === true) printJson(request);
  else printFields(stateFields(request, now));
  return 0;
}
