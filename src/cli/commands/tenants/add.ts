// sallyport tenants add NAME

import { printable } from '../../../core/printable.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { localTimeAndDistance } from '../../moment.ts';
import { print, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

interface Options extends CommonOptions {
  readonly name: string;
  readonly admin?: string;
}

export async function run(options: Options): Promise<number> {
  const now = Date.now();
  const me = loadSignIn(options, now);
  const { name, admin } = options;
  const made = await call(me, 'POST /v1/tenants', {
    body: { name, ...(admin === undefined ? {} : { admin }) },
  });
  if (options.json === true) {
    printJson(made);
    return 0;
  }
  const { tenant, invite } = made;
  print(
    `tenant "${printable(tenant.name)}": its first administrator, "${printable(invite.name)}", signs in with`,
  );
  print(`  sallyport login ${me.broker} --invite ${invite.token}`);
  if (invite.link !== undefined) print(`or in a browser: ${invite.link}`);
  print(`the invite works once, until ${localTimeAndDistance(invite.expiresAt, now) ?? ''}`);
  return 0;
}
