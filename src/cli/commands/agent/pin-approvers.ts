// sallyport agent pin-approvers FILE

import { resolve } from 'node:path';
import { pinApprovers, readApproverFile } from '../../../agent/approvals/on-site.ts';
import { setFields } from '../../approvers/set-text.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { confirm } from '../../confirm.ts';
import { print, printFields, printJson } from '../../output.ts';

interface Options extends CommonOptions {
  readonly file: string;
  readonly state?: string;
  readonly yes?: boolean;
}

export async function run(options: Options): Promise<number> {
  const next = await readApproverFile(resolve(options.file));
  if (options.json !== true) printFields(setFields(next.set, Date.now()));
  await confirm(
    'does the fingerprint agree with the one at the broker, and is this device to accept these people?',
    options,
  );
  const { rules } = await pinApprovers(next, {
    state: options.state === undefined ? undefined : resolve(options.state),
  });
  if (options.json === true) printJson({ version: next.set.version });
  else {
    print(`version ${next.set.version} of the approver set is pinned`);
    if (rules === 'off')
      print(
        'next: to make the agent look at approvals, write "approvals: verify" into agent.yaml, and: kill -HUP, or start it again',
      );
  }
  return 0;
}
