// sallyport agent approvers

import { resolve } from 'node:path';
import { pinnedApprovers } from '../../../agent/approvals/on-site.ts';
import { setFields } from '../../approvers/set-text.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printFields, printJson } from '../../output.ts';

interface Options extends CommonOptions {
  readonly state?: string;
}

export async function run(options: Options): Promise<number> {
  const set = await pinnedApprovers(options.state === undefined ? undefined : resolve(options.state));
  if (options.json === true) printJson(set ?? null);
  else if (set === undefined) {
    print('no approver set is pinned here');
    print('next: sallyport agent pin-approvers FILE');
  } else printFields(setFields(set, Date.now()));
  return set === undefined ? 1 : 0;
}
