// sallyport changes ls [--all]

import type { ChangeView } from '../../../api/changes.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { localTime } from '../../moment.ts';
import { printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

export async function run(options: CommonOptions & { readonly all?: boolean }): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const found = await allPages((page) => call(me, 'GET /v1/changes', { query: page }));
  const shown = options.all === true ? found : found.filter(({ state }) => state === 'pending');
  if (options.json === true) printJson(shown);
  else {
    printTable<ChangeView>(
      shown,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'WHAT', value: ({ what }) => what },
        { title: 'ASKED BY', value: ({ askedBy }) => askedBy.name },
        { title: 'UNTIL', value: ({ expiresAt }) => localTime(expiresAt) },
        {
          title: 'STATE',
          value: ({ state }) => state,
          tone: ({ state }) => (state === 'pending' ? 'warn' : undefined),
        },
        { title: 'BY', value: ({ decidedBy }) => decidedBy?.name },
        { title: 'YOURS TO DECIDE', value: ({ mayApprove }) => (mayApprove ? 'yes' : 'no') },
      ],
      { empty: 'nothing waits for a second administrator' },
    );
  }
  return 0;
}
