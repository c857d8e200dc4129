// sallyport kill --identity NAME: never asks, since seconds count.

import { printable } from '../../core/printable.ts';
import { call } from '../api.ts';
import type { CommonOptions } from '../catalogue/spec.ts';
import { counted, print, printJson, tone } from '../output.ts';
import { loadSignIn } from '../profile.ts';

interface Options extends CommonOptions {
  readonly identity: string;
  readonly reason: string;
}

export async function run(options: Options): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const { identity, reason } = options;
  const killed = await call(me, 'POST /v1/identities/kill', { body: { identity, reason } });
  if (options.json === true) {
    printJson(killed);
    return 0;
  }
  print(
    `${tone('bad', 'locked')} "${printable(identity)}" and cut ${counted(killed.cut.length, 'live session')}`,
  );
  for (const id of killed.cut) print(`  ${printable(id)}`);
  print(`lift it with: sallyport unlock ${printable(killed.lock)}`);
  return 0;
}
