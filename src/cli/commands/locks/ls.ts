// sallyport locks ls

import type { LockView } from '../../../api/nouns.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { localTime } from '../../moment.ts';
import { printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

export async function run(options: CommonOptions): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const locks = await allPages((page) => call(me, 'GET /v1/locks', { query: page }));
  if (options.json === true) printJson(locks);
  else {
    printTable<LockView>(
      locks,
      [
        { title: 'LOCK', value: (lock) => lock.id },
        { title: 'KIND', value: (lock) => lock.kind },
        { title: 'ON', value: (lock) => lock.subject.name, tone: () => 'bad' },
        { title: 'REASON', value: (lock) => lock.reason },
        { title: 'BY', value: (lock) => lock.createdBy.name },
        { title: 'SINCE', value: (lock) => localTime(lock.createdAt) },
        { title: 'UNTIL', value: (lock) => localTime(lock.expiresAt) ?? 'lifted' },
      ],
      { empty: 'no locks' },
    );
  }
  return 0;
}
