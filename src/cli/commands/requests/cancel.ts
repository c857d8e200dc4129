// sallyport requests cancel ID

import { printable } from '../../../core/printable.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

export async function run(options: CommonOptions & { readonly request: string }): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const request = await call(me, 'POST /v1/requests/:id/cancel', { params: { id: options.request } });
  if (options.json === true) printJson(request);
  else print(`the request for "${printable(request.target)}" is taken back`);
  return 0;
}
