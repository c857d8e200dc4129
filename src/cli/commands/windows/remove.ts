// sallyport windows remove NAME

import { printable } from '../../../core/printable.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { confirm } from '../../confirm.ts';
import { print, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

interface Options extends CommonOptions {
  readonly name: string;
  readonly yes?: boolean;
}

export async function run(options: Options): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const name = printable(options.name);
  await confirm(`remove the window "${name}", and end the sessions that stand on it?`, options);
  const done = await call(me, 'DELETE /v1/windows/:id', { params: { id: options.name } });
  if (options.json === true) printJson(done);
  else print(`the window "${name}" is removed`);
  return 0;
}
