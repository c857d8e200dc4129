// sallyport windows ls

import type { WindowView } from '../../../api/windows.ts';
import { formatDuration } from '../../../core/duration.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { localTime } from '../../moment.ts';
import { printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

export async function run(options: CommonOptions): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const windows = await allPages((page) => call(me, 'GET /v1/windows', { query: page }));
  if (options.json === true) printJson(windows);
  else {
    printTable<WindowView>(
      windows,
      [
        { title: 'WINDOW', value: ({ name }) => name },
        { title: 'ON', value: ({ device, label }) => device?.name ?? label ?? 'all devices' },
        {
          title: 'STATE',
          value: ({ open, opensAt }) => (open ? 'open' : opensAt === undefined ? 'over' : 'closed'),
          tone: ({ open }) => (open ? 'good' : undefined),
        },
        { title: 'UNTIL', value: ({ endsAt, opensAt }) => localTime(endsAt ?? opensAt) },
        { title: 'LASTS', value: ({ lastsMs }) => formatDuration(lastsMs) },
        { title: 'RULE', value: ({ rule }) => rule },
      ],
      { empty: 'no windows' },
    );
  }
  return 0;
}
