// sallyport roles ls

import { roles } from '../../../core/identity.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

export async function run(options: CommonOptions): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const identities = await allPages((page) => call(me, 'GET /v1/identities', { query: page }));
  const holders = roles.map((role) => ({
    role,
    identities: identities.filter((one) => one.roles.includes(role)).map(({ id, name }) => ({ id, name })),
  }));
  if (options.json === true) printJson(holders);
  else {
    printTable(
      holders,
      [
        { title: 'ROLE', value: (holder) => holder.role },
        { title: 'IDENTITIES', value: (holder) => holder.identities.map(({ name }) => name).join(', ') },
      ],
      { empty: 'no roles' },
    );
  }
  return 0;
}
