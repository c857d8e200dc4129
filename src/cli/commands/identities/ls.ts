// sallyport identities ls

import type { IdentityView } from '../../../api/nouns.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { countFlag, localTime } from '../../moment.ts';
import { printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

interface Options extends CommonOptions {
  readonly vendor?: string;
  readonly findings?: boolean;
  readonly limit?: string;
}

export async function run(options: Options): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const identities = await allPages(
    (page) =>
      call(me, 'GET /v1/identities', {
        query: {
          ...page,
          vendor: options.vendor,
          ...(options.findings === true ? { findings: 'true' } : {}),
        },
      }),
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
        { title: 'OWNER', value: (identity) => identity.owner?.name },
        { title: 'VENDOR', value: (identity) => identity.vendor },
        { title: 'SEEN', value: (identity) => localTime(identity.lastSeenAt) ?? 'never' },
        { title: 'UNTIL', value: (identity) => localTime(identity.expiresAt) },
        { title: 'LOOK AT', value: (identity) => identity.findings.join('; '), tone: () => 'bad' },
      ],
      { empty: options.findings === true ? 'nothing to look at' : 'no identities' },
    );
  }
  return 0;
}
