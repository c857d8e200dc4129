// A request as it is signed: what an approver is shown comes from this text and from nothing beside it.

import { duration, when } from './words.ts';

export interface Content {
  readonly who: string;
  readonly kind: string;
  readonly target: string;
  readonly actions: readonly string[];
  readonly forMs: number;
  readonly startAt: number;
  readonly reason: string;
  readonly ticket: string | undefined;
}

export function readContent(text: string): Content {
  const fields = JSON.parse(text) as Readonly<Record<string, unknown>>;
  const who = (fields['requester'] ?? {}) as Readonly<Record<string, unknown>>;
  const asText = (value: unknown): string =>
    typeof value === 'string' ? value : JSON.stringify(value ?? '');
  return {
    who: asText(who['name']),
    kind: asText(who['kind']),
    target: asText(fields['target']),
    actions: Array.isArray(fields['actions']) ? fields['actions'].map(asText) : [],
    forMs: Number(fields['forMs']),
    startAt: Number(fields['startAt']),
    reason: asText(fields['reason']),
    ticket: fields['ticket'] === undefined ? undefined : asText(fields['ticket']),
  };
}

export function rowsOf(content: Content, now = Date.now()): readonly (readonly [string, string])[] {
  const kind = content.kind === 'human' ? '' : ` (${content.kind.replace('_', ' ')})`;
  return [
    ['Who', `${content.who}${kind}`],
    ['On', content.target],
    ['What', content.actions.join(', ')],
    ['For', `${duration(content.forMs)}, once`],
    [
      'From',
      content.startAt > now ? when(new Date(content.startAt).toISOString(), now) : 'as soon as approved',
    ],
    ['Reason', content.reason],
    ['Ticket', content.ticket ?? 'none'],
  ];
}

const longMs = 4 * 60 * 60_000;

/** What a tired person should look at twice. Hours are those of whoever looks. */
export function unusualIn(content: Content, now = Date.now()): readonly string[] {
  const start = new Date(Math.max(content.startAt, now));
  const isNight = start.getHours() < 6 || start.getHours() >= 22;
  const isWeekend = start.getDay() === 0 || start.getDay() === 6;
  return [
    ...(content.kind === 'human' ? [] : ['It is no person who asks.']),
    ...(content.ticket === undefined ? ['It names no ticket.'] : []),
    ...(content.forMs > longMs ? [`It is for ${duration(content.forMs)}.`] : []),
    ...(isNight ? ['It is for the night.'] : []),
    ...(isWeekend ? ['It is for the weekend.'] : []),
  ];
}
