// sallyport audit search

import type { EventView } from '../../../api/audit.ts';
import { limits } from '../../../core/limits.ts';
import { call } from '../../api.ts';
import { eventColumns, filterQuery, type EventFilters } from '../../audit-events.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { countFlag, momentFlag } from '../../moment.ts';
import { printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

interface Options extends CommonOptions, EventFilters {
  readonly from?: string;
  readonly until?: string;
  readonly limit?: string;
  readonly allTenants?: boolean;
}

const limitDefault = 100;

export async function run(options: Options): Promise<number> {
  const now = Date.now();
  const max = countFlag('limit', options.limit) ?? limitDefault;
  const from = momentFlag('from', options.from, now);
  const until = momentFlag('until', options.until, now);
  const range = { ...(from === undefined ? {} : { from }), ...(until === undefined ? {} : { until }) };
  const all = options.allTenants === true ? ({ allTenants: 'true' } as const) : {};
  const me = loadSignIn(options, now);
  const events: EventView[] = [];
  let afterSeq: number | undefined = 0;
  while (afterSeq !== undefined && events.length < max) {
    const limit = Math.min(limits.auditPageMax, max - events.length);
    const page: { items: EventView[]; nextSeq?: number | undefined } = await call(
      me,
      'GET /v1/audit/events',
      {
        query: { afterSeq, limit, ...range, ...filterQuery(options), ...all },
      },
    );
    events.push(...page.items);
    afterSeq = page.nextSeq;
  }
  if (options.json === true) printJson(events);
  else printTable<EventView>(events, eventColumns, { empty: 'no such events' });
  return 0;
}
