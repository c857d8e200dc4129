// sallyport breakglass set NAME=KEY... --need N

import { call } from '../../api.ts';
import { readNamedKey } from '../../break-glass/named-key.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { confirm } from '../../confirm.ts';
import { print, printJson } from '../../output.ts';
import { freshSignIn } from '../../renewal.ts';

interface Options extends CommonOptions {
  readonly keys: readonly string[];
  readonly need: string;
  readonly yes?: boolean;
}

export async function run(options: Options): Promise<number> {
  const keys = options.keys.map((typed) => readNamedKey(typed));
  const need = Number(options.need);
  const me = await freshSignIn(options, Date.now());
  await confirm(
    `let any ${need} of these ${keys.length} keys open everything? Earlier ones count no more`,
    options,
  );
  const kept = await call(me, 'POST /v1/break-glass/keys', { body: { need, keys } });
  if (options.json === true) printJson(kept);
  else print(`${kept.need} of ${kept.keys.length} keys open break-glass from now on`);
  return 0;
}
