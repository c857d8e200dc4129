// sallyport audit tail: the newest events, and with -f what comes after them. Following asks for what is
// beyond the last sequence number twice a second; a broker that is away for a while is waited for.

import { setTimeout as wait } from 'node:timers/promises';
import type { EventView } from '../../../api/audit.ts';
import { SallyportError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import { call } from '../../api.ts';
import { eventColumns, eventLine, filterQuery, type EventFilters } from '../../audit-events.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { countFlag } from '../../moment.ts';
import { print, printJson, printJsonLine } from '../../output.ts';
import { loadSignIn, type SignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

interface Options extends CommonOptions, EventFilters {
  readonly follow?: boolean;
  readonly lines?: string;
}

const linesDefault = 20;
const pollIntervalMs = 500;

export async function run(options: Options): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const last = countFlag('lines', options.lines) ?? linesDefault;
  // The head is read first: what comes between the two calls is then shown by the first round.
  const head = options.follow === true ? await call(me, 'GET /v1/audit/head', {}) : undefined;
  const page = await call(me, 'GET /v1/audit/events', { query: { last, ...filterQuery(options) } });
  if (head === undefined) {
    if (options.json === true) printJson(page.items);
    else printTable<EventView>(page.items, eventColumns, { empty: 'no events' });
    return 0;
  }
  show(page.items, options);
  await follow(me, Math.max(head.size, page.items.at(-1)?.seq ?? 0), options);
  return 0;
}

async function follow(me: SignIn, fromSeq: number, options: Options): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
  let afterSeq = fromSeq;
  let isAway = false;
  while (!stop.signal.aborted) {
    try {
      const page = await call(
        me,
        'GET /v1/audit/events',
        { query: { afterSeq, ...filterQuery(options) } },
        { signal: stop.signal },
      );
      show(page.items, options);
      afterSeq = page.nextSeq ?? page.items.at(-1)?.seq ?? afterSeq;
      isAway = false;
    } catch (error) {
      if (stop.signal.aborted) return;
      if (!(error instanceof SallyportError) || error.code !== 'unavailable') throw error;
      if (!isAway) process.stderr.write(`sallyport: ${printable(error.message)}; waiting for it\n`);
      isAway = true;
    }
    await wait(pollIntervalMs, undefined, { signal: stop.signal }).catch(() => undefined);
  }
}

function show(events: readonly EventView[], options: Options): void {
  for (const event of events) {
    if (options.json === true) printJsonLine(event);
    else print(eventLine(event));
  }
}
