// sallyport policy history

import type { RevisionView } from '../../../api/policy.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { localTime } from '../../moment.ts';
import { printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

export async function run(options: CommonOptions): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const revisions = await allPages((page) => call(me, 'GET /v1/policies', { query: page }));
  if (options.json === true) printJson(revisions);
  else {
    printTable<RevisionView>(
      revisions,
      [
        { title: 'REVISION', value: (revision) => String(revision.number) },
        { title: 'APPLIED', value: (revision) => localTime(revision.appliedAt) },
        { title: 'BY', value: (revision) => revision.appliedBy.name },
        { title: 'POLICIES', value: (revision) => String(revision.policies) },
        { title: 'HASH', value: (revision) => revision.hash.slice(0, 12) },
        { title: 'COMMENT', value: (revision) => revision.comment },
      ],
      { empty: 'no policy was applied yet: nothing is permitted' },
    );
  }
  return 0;
}
