// sallyport unlock LOCK

import { printable } from '../../core/printable.ts';
import { call } from '../api.ts';
import type { CommonOptions } from '../catalogue/spec.ts';
import { print, printJson } from '../output.ts';
import { loadSignIn } from '../profile.ts';

export async function run(options: CommonOptions & { readonly lock: string }): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const done = await call(me, 'DELETE /v1/locks/:id', { params: { id: options.lock } });
  if (options.json === true) printJson(done);
  else print(`the lock "${printable(options.lock)}" is lifted; what it ended stays ended`);
  return 0;
}
