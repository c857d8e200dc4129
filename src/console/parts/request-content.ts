// A signed request as the console shows it.

import { formatDuration } from '../../core/duration.ts';
import type { RequestContent } from '../../core/request-content.ts';
import { when } from './words.ts';

export function rowsOf(content: RequestContent, now = Date.now()): readonly (readonly [string, string])[] {
  const kind = content.kind === 'human' ? '' : ` (${content.kind.replace('_', ' ')})`;
  return [
    ['Who', `${content.requester}${kind}`],
    ['On', content.target],
    ['What', content.actions.join(', ')],
    ...(content.commands ?? []).map((line) => ['Command', line] as const),
    ...(content.paths ?? []).map((path) => ['Path', path] as const),
    ['For', `${formatDuration(content.forMs)}, once`],
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
export function unusualIn(content: RequestContent, now = Date.now()): readonly string[] {
  const start = new Date(Math.max(content.startAt, now));
  const isNight = start.getHours() < 6 || start.getHours() >= 22;
  const isWeekend = start.getDay() === 0 || start.getDay() === 6;
  return [
    ...(content.kind === 'human' ? [] : ['It is no person who asks.']),
    ...(content.ticket === undefined ? ['It names no ticket.'] : []),
    ...(content.forMs > longMs ? [`It is for ${formatDuration(content.forMs)}.`] : []),
    ...(isNight ? ['It is for the night.'] : []),
    ...(isWeekend ? ['It is for the weekend.'] : []),
  ];
}
