// sallyport enrollments revoke ENROLLMENT

import { printable } from '../../../core/printable.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

export async function run(options: CommonOptions & { readonly enrollment: string }): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const done = await call(me, 'DELETE /v1/enrollments/:id', { params: { id: options.enrollment } });
  if (options.json === true) printJson(done);
  else print(`${printable(options.enrollment)} is worth nothing any more; who has joined with it stays`);
  return 0;
}
