// sallyport policy apply FILES…: checked first, so that what is wrong is shown place by place.

import { exitStatus } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { countFlag } from '../../moment.ts';
import { counted, print, printJson } from '../../output.ts';
import { findingLines, readPolicyFiles } from '../../policy-files.ts';
import { loadSignIn } from '../../profile.ts';

interface Options extends CommonOptions {
  readonly files: readonly string[];
  readonly message?: string;
  readonly expect?: string;
}

export async function run(options: Options): Promise<number> {
  const expect = options.expect === '0' ? 0 : countFlag('expect', options.expect);
  const files = await readPolicyFiles(options.files);
  const me = loadSignIn(options, Date.now());
  const checked = await call(me, 'POST /v1/policies/check', { body: { files } });
  if (!checked.ok) {
    if (options.json === true) printJson(checked);
    for (const line of findingLines(checked)) process.stderr.write(`${line}\n`);
    process.stderr.write(
      `sallyport: the policy has ${counted(checked.problems.length, 'problem')}, so nothing was applied\n`,
    );
    return exitStatus.failed;
  }
  const revision = await call(me, 'POST /v1/policies', {
    body: {
      files,
      ...(options.message === undefined ? {} : { comment: options.message }),
      ...(expect === undefined ? {} : { expect }),
    },
  });
  if (options.json === true) {
    printJson(revision);
    return exitStatus.done;
  }
  for (const line of findingLines(checked)) print(line);
  print(
    `revision ${revision.number} is in force: ${counted(revision.policies, 'policy', 'policies')} (${printable(revision.id)})`,
  );
  return exitStatus.done;
}
