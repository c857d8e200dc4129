// sallyport notices ls

import type { NoticeView } from '../../../api/notices.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { localTime } from '../../moment.ts';
import { printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

export async function run(options: CommonOptions): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const waiting = await allPages((page) => call(me, 'GET /v1/notices', { query: page }));
  if (options.json === true) printJson(waiting);
  else {
    printTable<NoticeView>(
      waiting,
      [
        { title: 'TO', value: ({ to }) => to },
        { title: 'SUBJECT', value: ({ subject }) => subject },
        { title: 'SINCE', value: ({ createdAt }) => localTime(createdAt) },
        { title: 'TRIES', value: ({ attempts }) => String(attempts) },
        { title: 'NEXT', value: ({ nextAt }) => localTime(nextAt) },
        { title: 'LAST SAID', value: ({ lastError }) => lastError, tone: () => 'warn' },
      ],
      { empty: 'nothing waits to be delivered' },
    );
  }
  return 0;
}
