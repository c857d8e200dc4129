// sallyport breakglass ls

import type { BreakGlassView } from '../../../api/break-glass.ts';
import { formatDuration } from '../../../core/duration.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { localTime } from '../../moment.ts';
import { printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

export async function run(options: CommonOptions): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const uses = await allPages((page) => call(me, 'GET /v1/break-glass', { query: page }));
  if (options.json === true) printJson(uses);
  else {
    printTable<BreakGlassView>(
      uses,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'WHO', value: ({ who }) => who },
        {
          title: 'ON',
          value: ({ target, onSite }) => (onSite === undefined ? target : `${target} (on site)`),
        },
        { title: 'AT', value: ({ openedAt }) => localTime(openedAt) },
        { title: 'FOR', value: ({ forMs }) => formatDuration(forMs) },
        { title: 'KEYS', value: ({ signers }) => signers.join(', ') },
        {
          title: 'REVIEW',
          value: reviewOf,
          tone: ({ reviewedAt }) => (reviewedAt === undefined ? 'warn' : 'good'),
        },
        { title: 'REASON', value: ({ reason }) => reason },
      ],
      { empty: 'break-glass was never used' },
    );
  }
  return 0;
}

function reviewOf({ reviewedBy, reviewBy, lock }: BreakGlassView): string {
  if (reviewedBy !== undefined) return `by ${reviewedBy.name}`;
  return lock === undefined ? `until ${localTime(reviewBy) ?? ''}` : 'missed: locked';
}
