// sallyport policy check FILES…

import { exitStatus } from '../../../core/errors.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { counted, print, printJson } from '../../output.ts';
import { findingLines, readPolicyFiles } from '../../policy-files.ts';
import { loadSignIn } from '../../profile.ts';

export async function run(options: CommonOptions & { readonly files: readonly string[] }): Promise<number> {
  const files = await readPolicyFiles(options.files);
  const me = loadSignIn(options, Date.now());
  const checked = await call(me, 'POST /v1/policies/check', { body: { files } });
  if (options.json === true) printJson(checked);
  else {
    for (const line of findingLines(checked)) print(line);
    print(
      checked.ok
        ? `${counted(checked.policies.length, 'policy', 'policies')} in ${counted(Object.keys(files).length, 'file')}, nothing wrong`
        : counted(checked.problems.length, 'problem'),
    );
  }
  return checked.ok ? exitStatus.done : exitStatus.failed;
}
