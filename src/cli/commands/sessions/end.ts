// sallyport sessions end SESSION

import { printable } from '../../../core/printable.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

interface Options extends CommonOptions {
  readonly session: string;
  readonly reason?: string;
}

export async function run(options: Options): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const session = await call(me, 'POST /v1/sessions/:id/end', {
    params: { id: options.session },
    body: options.reason === undefined ? {} : { reason: options.reason },
  });
  if (options.json === true) printJson(session);
  else print(`session "${printable(options.session)}" has ended`);
  return 0;
}
