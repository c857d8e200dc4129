// sallyport requests show ID

import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printFields, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { contentFields, stateFields } from '../../requests/request-text.ts';

export async function run(options: CommonOptions & { readonly request: string }): Promise<number> {
  const now = Date.now();
  const me = loadSignIn(options, now);
  const request = await call(me, 'GET /v1/requests/:id', { params: { id: options.request } });
  if (options.json === true) printJson(request);
  else {
    printFields([...contentFields(request, now), ...stateFields(request, now)]);
    if (request.mayApprove)
      print(`you may decide: sallyport approve ${request.id}, or sallyport deny ${request.id}`);
  }
  return 0;
}
