// sallyport totp remove [NAME]: the own app by a code of it; an administrator, that of who lost it.

import { printable } from '../../../core/printable.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { ask } from '../../channel/ask-code.ts';
import { confirm } from '../../confirm.ts';
import { print, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

export async function run(
  options: CommonOptions & { readonly name?: string; readonly code?: string; readonly yes?: boolean },
): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const { name } = options;
  const isOwn = name === undefined || name === me.name;
  if (!isOwn) await confirm(`remove the authenticator app of "${printable(name)}"?`, options);
  const code = isOwn ? (options.code ?? (await ask('code that the app shows now: '))) : undefined;
  const done = await call(me, 'POST /v1/totp/remove', {
    body: { ...(name === undefined ? {} : { name }), ...(code === undefined ? {} : { code }) },
  });
  if (options.json === true) printJson(done);
  else print('removed: its codes are worth nothing now');
  return 0;
}
