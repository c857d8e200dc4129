// sallyport tickets ls

import type { TicketView } from '../../../api/tickets.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { localTime } from '../../moment.ts';
import { printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

export async function run(options: CommonOptions): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const tickets = await allPages((page) => call(me, 'GET /v1/tickets', { query: page }));
  if (options.json === true) printJson(tickets);
  else {
    printTable<TicketView>(
      tickets,
      [
        { title: 'TICKET', value: ({ id }) => id },
        { title: 'OF', value: ({ source }) => source },
        {
          title: 'STATE',
          value: ({ open, live }) => (live ? (open ? 'open' : 'closed') : 'source is gone'),
          tone: ({ open, live }) => (open && live ? 'good' : undefined),
        },
        { title: 'ON', value: ({ covers }) => covers.join(', ') },
        { title: 'FROM', value: ({ from }) => localTime(from) },
        { title: 'UNTIL', value: ({ until }) => localTime(until) },
      ],
      { empty: 'no ticket system has told of a ticket yet (docs/tickets.md)' },
    );
  }
  return 0;
}
