// sallyport tenants ls

import type { TenantView } from '../../../api/tenants.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { localTime } from '../../moment.ts';
import { printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

export async function run(options: CommonOptions): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const tenants = await allPages((page) => call(me, 'GET /v1/tenants', { query: page }));
  if (options.json === true) printJson(tenants);
  else {
    printTable<TenantView>(
      tenants,
      [
        { title: 'TENANT', value: ({ name }) => name },
        {
          title: 'STATE',
          value: ({ locked, waits }) => (locked ? 'locked' : waits ? 'nobody signed in yet' : 'in use'),
          tone: ({ locked, waits }) => (locked ? 'bad' : waits ? undefined : 'good'),
        },
        { title: 'IDENTITIES', value: ({ identities }) => String(identities) },
        { title: 'DEVICES', value: ({ devices }) => String(devices) },
        { title: 'SINCE', value: ({ createdAt }) => localTime(createdAt) },
      ],
      { empty: 'no tenants but you: all of this broker is yours' },
    );
  }
  return 0;
}
