// sallyport devices remove DEVICE

import { printable } from '../../../core/printable.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { confirm } from '../../confirm.ts';
import { print, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

interface Options extends CommonOptions {
  readonly device: string;
  readonly yes?: boolean;
}

export async function run(options: Options): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const name = printable(options.device);
  await confirm(`remove the device "${name}" for good, and end its sessions?`, options);
  const done = await call(me, 'DELETE /v1/devices/:id', { params: { id: options.device } });
  if (options.json === true) printJson(done);
  else print(`the device "${name}" is removed; to have it back, invite it anew`);
  return 0;
}
