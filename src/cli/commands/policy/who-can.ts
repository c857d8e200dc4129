// sallyport policy who-can TARGET

import type { WhoCan } from '../../../api/policy.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';
import { parseAction } from './explain.ts';

interface Options extends CommonOptions {
  readonly target: string;
  readonly action?: string;
}

export async function run(options: Options): Promise<number> {
  const action = options.action === undefined ? {} : { action: parseAction(options.action) };
  const me = loadSignIn(options, Date.now());
  const { items } = await call(me, 'GET /v1/policies/who-can', {
    query: { target: options.target, ...action },
  });
  if (options.json === true) printJson(items);
  else {
    printTable<WhoCan['items'][number]>(
      items,
      [
        { title: 'WHO', value: (item) => item.identity.name },
        { title: 'KIND', value: (item) => item.kind },
        { title: 'CAN', value: (item) => item.actions.join(', ') },
        { title: 'BY', value: (item) => item.policies.join(', ') },
        { title: '', value: (item) => (item.locked ? 'locked now' : ''), tone: () => 'bad' },
      ],
      { empty: 'nobody' },
    );
  }
  return 0;
}
