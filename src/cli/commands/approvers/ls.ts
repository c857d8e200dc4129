// sallyport approvers ls

import type { ApproverSetView } from '../../../api/approvers.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { localTime } from '../../moment.ts';
import { printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

export async function run(options: CommonOptions): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const sets = await allPages((page) => call(me, 'GET /v1/approver-sets', { query: page }));
  const inOrder = sets.toSorted((one, other) => one.version - other.version);
  if (options.json === true) printJson(inOrder);
  else {
    printTable<ApproverSetView>(
      inOrder,
      [
        { title: 'VERSION', value: ({ version }) => String(version) },
        { title: 'PERSONS', value: ({ persons }) => persons.map(({ name }) => name).join(', ') },
        { title: 'TAKES', value: ({ threshold, persons }) => `${threshold} of ${persons.length}` },
        { title: 'STATE', value: stateOf, tone: ({ ready }) => (ready ? 'good' : undefined) },
        { title: 'EXPIRES', value: ({ expiresAt }) => localTime(expiresAt) },
        { title: 'FINGERPRINT', value: ({ digest }) => digest },
      ],
      { empty: 'no approver sets' },
    );
  }
  return 0;
}

function stateOf({ follows, ready, signatures, needed }: ApproverSetView): string {
  if (follows === undefined) return 'pinned by hand';
  return ready ? `signed, follows ${follows}` : `${signatures.length} of ${needed} signed it`;
}
