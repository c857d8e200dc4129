// sallyport identities remove IDENTITY

import { printable } from '../../../core/printable.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { confirm } from '../../confirm.ts';
import { print, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

interface Options extends CommonOptions {
  readonly identity: string;
  readonly newOwner?: string;
  readonly lockOwned?: boolean;
  readonly yes?: boolean;
}

export async function run(options: Options): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const name = printable(options.identity);
  await confirm(`remove the identity "${name}", and end its sessions?`, options);
  const done = await call(me, 'DELETE /v1/identities/:id', {
    params: { id: options.identity },
    query: {
      ...(options.newOwner === undefined ? {} : { newOwner: options.newOwner }),
      ...(options.lockOwned === true ? { lockOwned: 'true' } : {}),
    },
  });
  if (options.json === true) printJson(done);
  else print(`the identity "${name}" is removed`);
  return 0;
}
