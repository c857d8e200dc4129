// sallyport delegations end ID

import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

export async function run(options: CommonOptions & { readonly id: string }): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const done = await call(me, 'DELETE /v1/delegations/:id', { params: { id: options.id } });
  if (options.json === true) printJson(done);
  else print('it is over, with all that were passed on from it; what was opened under them is cut');
  return 0;
}
