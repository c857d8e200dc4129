// sallyport devices accept DEVICE

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
  await confirm(`accept the device "${name}": policy then decides who may reach it?`, options);
  const device = await call(me, 'POST /v1/devices/:id/accept', { params: { id: options.device } });
  if (options.json === true) printJson(device);
  else print(`the device "${printable(device.name)}" is accepted`);
  return 0;
}
