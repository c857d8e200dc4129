// sallyport services remove DEVICE/SERVICE

import { printable } from '../../../core/printable.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { confirm } from '../../confirm.ts';
import { print, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

interface Options extends CommonOptions {
  readonly service: string;
  readonly yes?: boolean;
}

export async function run(options: Options): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const name = printable(options.service);
  await confirm(`remove the service "${name}", and end its sessions?`, options);
  const done = await call(me, 'DELETE /v1/services/:id', { params: { id: options.service } });
  if (options.json === true) printJson(done);
  else print(`the service "${name}" is removed`);
  return 0;
}
