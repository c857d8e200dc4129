// sallyport breakglass keys

import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

export async function run(options: CommonOptions): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const kept = await call(me, 'GET /v1/break-glass/keys', {});
  if (options.json === true) printJson(kept);
  else {
    printTable(
      kept.keys,
      [
        { title: 'NAME', value: ({ name }) => name },
        { title: 'KEY', value: ({ key }) => key },
      ],
      { empty: 'no keys are set: break-glass opens nothing' },
    );
    if (kept.keys.length > 0) print(`it takes ${kept.need} of them`);
  }
  return 0;
}
