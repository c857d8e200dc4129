// sallyport changes approve ID

import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { printChange } from '../../changes-text.ts';
import { confirm } from '../../confirm.ts';
import { print, printJson } from '../../output.ts';
import { freshSignIn } from '../../renewal.ts';
import { filesBefore } from './show.ts';

interface Options extends CommonOptions {
  readonly id: string;
  readonly yes?: boolean;
}

export async function run(options: Options): Promise<number> {
  const now = Date.now();
  const me = await freshSignIn(options, now);
  const change = await call(me, 'GET /v1/changes/:id', { params: { id: options.id } });
  if (options.json !== true) printChange(change, now, await filesBefore(me, change));
  await confirm('let this take effect?', options);
  const after = await call(me, 'POST /v1/changes/:id/approve', { params: { id: change.id } });
  if (options.json === true) printJson(after);
  else print(`it is ${after.state}`);
  return 0;
}
