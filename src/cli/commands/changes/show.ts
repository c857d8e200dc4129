// sallyport changes show ID

import type { ChangeView } from '../../../api/changes.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { printChange } from '../../changes-text.ts';
import { print, printJson } from '../../output.ts';
import { loadSignIn, type SignIn } from '../../profile.ts';

export async function run(options: CommonOptions & { readonly id: string }): Promise<number> {
  const now = Date.now();
  const me = loadSignIn(options, now);
  const change = await call(me, 'GET /v1/changes/:id', { params: { id: options.id } });
  if (options.json === true) printJson(change);
  else {
    printChange(change, now, await filesBefore(me, change));
    if (change.mayApprove)
      print(`you may decide: sallyport changes approve ${change.id}, or sallyport changes deny ${change.id}`);
  }
  return 0;
}

/** Of the revision in force, while the change would follow that one. */
export async function filesBefore(
  me: SignIn,
  { policy, state }: ChangeView,
): Promise<Readonly<Record<string, string>>> {
  if (policy === undefined || policy.follows === 0 || state !== 'pending') return {};
  const shown = await call(me, 'GET /v1/policies/:id', { params: { id: String(policy.follows) } });
  return shown.files;
}
