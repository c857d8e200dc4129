// sallyport policy show [REVISION]

import { printable } from '../../../core/printable.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { localTime } from '../../moment.ts';
import { counted, print, printableLines, printJson, tone } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

export async function run(options: CommonOptions & { readonly revision?: string }): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const revision = await call(me, 'GET /v1/policies/:id', {
    params: { id: options.revision ?? 'current' },
  });
  if (options.json === true) {
    printJson(revision);
    return 0;
  }
  const comment = revision.comment === undefined ? '' : `: ${printable(revision.comment, 600)}`;
  print(
    `revision ${revision.number} (${printable(revision.id)}), ${counted(revision.policies, 'policy', 'policies')}, ` +
      `applied by ${printable(revision.appliedBy.name)} at ${localTime(revision.appliedAt) ?? ''}${comment}`,
  );
  for (const [name, text] of Object.entries(revision.files)) {
    print('');
    print(tone('strong', `// ${printable(name)}`));
    print(printableLines(text.trimEnd()));
  }
  return 0;
}
