// sallyport roles revoke IDENTITY ROLE

import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printJson, printableLines } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { parseRole } from '../identities/add.ts';

interface Options extends CommonOptions {
  readonly identity: string;
  readonly role: string;
}

export async function run(options: Options): Promise<number> {
  const role = parseRole(options.role);
  const me = loadSignIn(options, Date.now());
  const identity = await call(me, 'POST /v1/roles/revoke', { body: { identity: options.identity, role } });
  if (options.json === true) printJson(identity);
  else print(`"${printableLines(identity.name)}" no longer has the role "${role}"`);
  return 0;
}
