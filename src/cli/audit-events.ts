// How audit events are asked for and shown, for tail and search alike.

import type { EventQuery, EventView } from '../api/audit.ts';
import type { Column } from './table.ts';
import { localTime } from './moment.ts';
import { jsonText, tone } from './output.ts';
import { printable } from '../core/printable.ts';

export interface EventFilters {
  readonly type?: readonly string[];
  readonly identity?: string;
  readonly device?: string;
  readonly session?: string;
}

export function filterQuery(filters: EventFilters): EventQuery {
  const { type, identity, device, session } = filters;
  return {
    ...(type === undefined ? {} : { type: [...type] }),
    ...(identity === undefined ? {} : { identity }),
    ...(device === undefined ? {} : { device }),
    ...(session === undefined ? {} : { session }),
  };
}

export const eventColumns: readonly Column<EventView>[] = [
  { title: 'SEQ', value: (event) => String(event.seq) },
  { title: 'TIME', value: (event) => localTime(event.time) },
  { title: 'EVENT', value: (event) => event.type },
  {
    title: 'OUTCOME',
    value: outcomeOf,
    tone: (event) => (event.outcome === 'success' ? undefined : 'bad'),
  },
  { title: 'ABOUT', value: aboutOf },
];

/** One event as one line, for following. */
export function eventLine(event: EventView): string {
  const outcome = outcomeOf(event);
  const shown = event.outcome === 'success' ? outcome : tone('bad', printable(outcome));
  return [
    String(event.seq),
    localTime(event.time) ?? '',
    tone('strong', printable(event.type)),
    event.outcome === 'success' ? printable(shown) : shown,
    printable(aboutOf(event), 400),
  ].join('  ');
}

function outcomeOf(event: EventView): string {
  return event.code === undefined ? event.outcome : `${event.outcome} (${event.code})`;
}

// Names live in the body, which may be erased; ids are what the envelope has.
function aboutOf(event: EventView): string {
  if (event.body === undefined) return `${event.actor.kind} ${event.actor.id} (body erased)`;
  return Object.entries(event.body)
    .filter(([, value]) => value !== null && value !== '')
    .map(
      ([name, value]) => `${name}=${typeof value === 'string' ? value : jsonText(value, { isLine: true })}`,
    )
    .join(' ');
}
