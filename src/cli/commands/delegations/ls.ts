// sallyport delegations ls

import type { DelegationView } from '../../../api/delegations.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { localTime } from '../../moment.ts';
import { printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

export async function run(options: CommonOptions & { readonly all?: boolean }): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const found = await allPages((page) => call(me, 'GET /v1/delegations', { query: page }));
  const shown = options.all === true ? found : found.filter(({ live }) => live);
  if (options.json === true) printJson(shown);
  else {
    printTable<DelegationView>(
      shown,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'WHO', value: ({ actor }) => actor.name },
        { title: 'FOR', value: ({ chain }) => chain.map(({ name }) => name).join(' > ') },
        { title: 'WHAT', value: ({ actions }) => actions.join(', ') },
        { title: 'ON', value: ({ targets }) => targets.join(', ') },
        { title: 'UNTIL', value: ({ endedAt, expiresAt }) => localTime(endedAt ?? expiresAt) },
        {
          title: 'STATE',
          value: ({ live }) => (live ? 'live' : 'over'),
          tone: ({ live }) => (live ? 'good' : undefined),
        },
      ],
      { empty: 'nobody acts for you' },
    );
  }
  return 0;
}
