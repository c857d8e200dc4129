// sallyport identities ls

import type { IdentityView } from '../../../api/nouns.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { countFlag, localTime } from '../../moment.ts';
import { printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

export async function run(options: CommonOptions & { readonly limit?: string }): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const identities = await allPages(
    (page) => call(me, 'GET /v1/identities', { query: page }),
    countFlag('limit', options.limit),
  );
  if (options.json === true) printJson(identities);
  else {
    printTable<IdentityView>(
      identities,
      [
        { title: 'NAME', value: (identity) => identity.name },
        { title: 'KIND', value: (identity) => identity.kind },
        { title: 'ROLES', value: (identity) => identity.roles.join(', ') },
        {
          title: 'STATE',
          value: (identity) => (identity.locked ? 'locked' : 'active'),
          tone: (identity) => (identity.locked ? 'bad' : undefined),
        },
        { title: 'CREDENTIALS', value: (identity) => String(identity.credentials) },
        { title: 'SINCE', value: (identity) => localTime(identity.createdAt) },
        { title: 'UNTIL', value: (identity) => localTime(identity.expiresAt) },
      ],
      { empty: 'no identities' },
    );
  }
  return 0;
}
