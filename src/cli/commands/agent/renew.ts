// sallyport agent renew: once, by hand, where no agent runs.

import { resolve } from 'node:path';
import { renewNow } from '../../../agent/renew-now.ts';
import { defaultStateDir } from '../../../agent/state.ts';
import { printable } from '../../../core/printable.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { localTime } from '../../moment.ts';
import { print, printJson } from '../../output.ts';

interface Options extends CommonOptions {
  readonly state?: string;
  readonly moved?: boolean;
}

export async function run(options: Options): Promise<number> {
  const dir = options.state === undefined ? defaultStateDir() : resolve(options.state);
  const { name, n, notAfter } = await renewNow(dir, { env: process.env, isMoved: options.moved === true });
  const until = new Date(notAfter).toISOString();
  if (options.json === true) printJson({ name, n, notAfter: until });
  else print(`"${printable(name)}" has a certificate until ${localTime(until) ?? ''}, its number ${n}`);
  return 0;
}
