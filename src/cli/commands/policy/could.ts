// sallyport policy could IDENTITY TARGET

import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

interface Options extends CommonOptions {
  readonly identity: string;
  readonly target: string;
}

export async function run(options: Options): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const { identity, target } = options;
  const could = await call(me, 'GET /v1/policies/could', { query: { identity, target } });
  if (options.json === true) printJson(could);
  else {
    print(could.actions.length === 0 ? 'nothing' : could.actions.join(', '));
    if (could.locked) print('but a lock stands, so nothing now');
  }
  return 0;
}
