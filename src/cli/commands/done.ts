// sallyport done [NAME]: the work of somebody from a vendor is done. His own key is forgotten on this machine, too.

import { printable } from '../../core/printable.ts';
import { call } from '../api.ts';
import type { CommonOptions } from '../catalogue/spec.ts';
import { confirm } from '../confirm.ts';
import { print, printJson } from '../output.ts';
import { forgetSignIn, loadSignIn } from '../profile.ts';

export async function run(
  options: CommonOptions & { readonly name?: string; readonly yes?: boolean },
): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const { name } = options;
  const whose = name === undefined ? 'your work' : `the work of "${printable(name)}"`;
  await confirm(
    `say that ${whose} is done? What is open is cut, and coming back takes another invite`,
    options,
  );
  const done = await call(me, 'POST /v1/vendors/done', { body: name === undefined ? {} : { name } });
  if (name === undefined || name === me.name) await forgetSignIn(me.broker);
  if (options.json === true) printJson(done);
  else print(`${whose} is done; everything that was open has ended`);
  return 0;
}
